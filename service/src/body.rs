//! Bodies of requests: of a known limit, in memory that is charged, and not slower than their deadline.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::limits::Place;
use crate::soon_or_within;

/// How much of a body that is too long is read and thrown away before the answer, so that a client that writes its whole
/// request before it reads is told why. One that has more to say is cut off.
const DISCARDED_BYTES: u64 = 16 << 20;

/// How the caller sends its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// At once.
    Eager,
    /// When it is told to: the request has Expect.
    Waiting,
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Its longest length in bytes.
    pub bytes: usize,
    /// What is that long, for the answer.
    pub what: &'static str,
    /// How long it may take.
    pub time: Duration,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than its limit.
    #[error("expected {what} of at most {most} bytes, got {got}")]
    TooLong {
        /// What is that long.
        what: &'static str,
        /// The limit.
        most: usize,
        /// What came.
        got: String,
    },
    /// It takes longer than its deadline.
    #[error("expected the whole body within {} ms", .0.as_millis())]
    TooSlow(Duration),
    /// There is no memory for it now.
    #[error("the server is at its limit of memory for request bodies")]
    NoRoom,
    /// The connection or the stream broke.
    #[error("the body ended before its end: {0}")]
    Broken(hyper::Error),
}

/// What was checked before the body is read; if it fails, the body is read and thrown away before the answer.
pub async fn after<T, E>(
    checked: Result<T, E>,
    body: Incoming,
    sender: Sender,
    time: Duration,
) -> Result<(T, Incoming), E> {
    match checked {
        Ok(checked) => Ok((checked, body)),
        Err(problem) => {
            discard(body, sender, time).await;
            Err(problem)
        }
    }
}

/// Reads the whole body. The bytes are a copy of their own, so that they do not keep the connection's read buffer.
pub async fn read(
    body: Incoming,
    sender: Sender,
    limit: &Limit,
    place: &mut Place<'_>,
) -> Result<Bytes, BodyError> {
    let size = body.size_hint();
    if size.lower() > limit.bytes as u64 {
        discard(body, sender, limit.time).await;
        return Err(limit.exceeded(format!("{} bytes", size.lower())));
    }
    // With a length, exactly its room is charged and used; without one, what comes is charged as it comes.
    let room = size.exact().and_then(|exact| usize::try_from(exact).ok());
    charge(place, room.unwrap_or(0))?;
    let gathered = soon_or_within(limit.time, gather(body, room, limit, place)).await;
    match gathered.ok_or(BodyError::TooSlow(limit.time))?? {
        Gathered::Whole(bytes) => Ok(bytes),
        Gathered::TooLong(rest) => {
            discard(rest, sender, limit.time).await;
            Err(limit.exceeded("more".to_owned()))
        }
    }
}

enum Gathered {
    Whole(Bytes),
    /// What is still to come.
    TooLong(Incoming),
}

async fn gather(
    mut body: Incoming,
    room: Option<usize>,
    limit: &Limit,
    place: &mut Place<'_>,
) -> Result<Gathered, BodyError> {
    let mut gathered = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        if data.len() > limit.bytes - gathered.len() {
            return Ok(Gathered::TooLong(body));
        }
        if room == Some(data.len()) && gathered.is_empty() {
            // The usual case of a small entry: all of it is here.
            return Ok(Gathered::Whole(Bytes::copy_from_slice(&data)));
        }
        match room {
            Some(room) if gathered.is_empty() => gathered.reserve(room),
            Some(_) => {}
            None => charge(place, data.len())?,
        }
        gathered.extend_from_slice(&data);
    }
    Ok(Gathered::Whole(gathered.freeze()))
}

impl Limit {
    fn exceeded(&self, got: String) -> BodyError {
        BodyError::TooLong {
            what: self.what,
            most: self.bytes,
            got,
        }
    }
}

fn charge(place: &mut Place<'_>, bytes: usize) -> Result<(), BodyError> {
    if place.charge(bytes) {
        Ok(())
    } else {
        Err(BodyError::NoRoom)
    }
}

/// Reads on, within bounds, and throws away, unless the caller waits to be told to send.
pub async fn discard(mut body: Incoming, sender: Sender, time: Duration) {
    if sender == Sender::Waiting || body.size_hint().lower() > DISCARDED_BYTES {
        return;
    }
    let discard = async {
        let mut left = DISCARDED_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(less) = left.checked_sub(length) else {
                return;
            };
            left = less;
        }
    };
    // Whether it came to an end does not change the answer.
    let _ = soon_or_within(time, discard).await;
}
