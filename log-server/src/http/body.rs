//! Bodies of requests: of a known limit, in memory that is charged, and not slower than their deadline.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::fields::Fields;
use super::problem::{Kind, Problem};
use super::soon_or_within;
use crate::limits::Place;

/// How much of a body that is too long is read and thrown away before the answer, so that a client that writes its whole
/// request before it reads is told why. One that has more to say is cut off.
const DISCARDED_BYTES: u64 = 16 << 20;

/// What a body may be.
pub(super) struct Limit {
    /// Its longest length in bytes.
    pub(super) bytes: usize,
    /// What is that long, for the answer.
    pub(super) what: &'static str,
    /// How long it may take.
    pub(super) time: Duration,
}

/// What was checked before the body is read; if it fails, the body is read and thrown away before the answer.
pub(super) async fn after<T>(
    checked: Result<T, Problem>,
    body: Incoming,
    fields: Fields<'_>,
    time: Duration,
) -> Result<(T, Incoming), Problem> {
    match checked {
        Ok(checked) => Ok((checked, body)),
        Err(problem) => {
            discard(body, fields, time).await;
            Err(problem)
        }
    }
}

/// Reads the whole body. The bytes are a copy of their own, so that an entry does not keep the connection's read buffer.
pub(super) async fn read(
    body: Incoming,
    fields: Fields<'_>,
    limit: &Limit,
    place: &mut Place<'_>,
) -> Result<Bytes, Problem> {
    if fields.encoded {
        let detail =
            "expected a body without Content-Encoding: what is logged is the bytes as they come";
        discard(body, fields, limit.time).await;
        return Err(Problem::new(Kind::UnsupportedEncoding, detail));
    }
    let size = body.size_hint();
    if size.lower() > limit.bytes as u64 {
        discard(body, fields, limit.time).await;
        return Err(limit.exceeded(&format!("{} bytes", size.lower())));
    }
    // With a length, exactly its room is charged and used; without one, what comes is charged as it comes.
    let room = size.exact().and_then(|exact| usize::try_from(exact).ok());
    charge(place, room.unwrap_or(0))?;
    let gathered = soon_or_within(limit.time, gather(body, room, limit, place)).await;
    let gathered = gathered.ok_or_else(|| {
        let millis = limit.time.as_millis();
        Problem::new(
            Kind::SlowBody,
            format!("expected the whole body within {millis} ms"),
        )
    })??;
    match gathered {
        Gathered::Whole(bytes) => Ok(bytes),
        Gathered::TooLong(rest) => {
            discard(rest, fields, limit.time).await;
            Err(limit.exceeded("more"))
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
) -> Result<Gathered, Problem> {
    let mut gathered = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::malformed(format!("the body ended before its end: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
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
    fn exceeded(&self, got: &str) -> Problem {
        let detail = format!(
            "expected {} of at most {} bytes, got {got}",
            self.what, self.bytes
        );
        Problem::new(Kind::TooLarge, detail)
    }
}

fn charge(place: &mut Place<'_>, bytes: usize) -> Result<(), Problem> {
    if place.charge(bytes) {
        return Ok(());
    }
    let detail = "the server is at its limit of memory for request bodies";
    Err(Problem::new(Kind::Overloaded, detail))
}

/// Reads on, within bounds, and throws away, unless the caller waits to be told to send.
async fn discard(mut body: Incoming, fields: Fields<'_>, time: Duration) {
    if fields.expects || body.size_hint().lower() > DISCARDED_BYTES {
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
