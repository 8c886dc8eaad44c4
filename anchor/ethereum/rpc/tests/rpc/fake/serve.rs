//! JSON-RPC over HTTP, as far as the tests need it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Reply;
use super::world::World;

/// Answers one call after the other, until the connection ends.
pub(super) async fn serve(mut connection: TcpStream, world: Arc<Mutex<World>>) {
    while let Some(body) = request(&mut connection).await {
        let call: Value = serde_json::from_slice(&body).unwrap();
        let method = call["method"].as_str().unwrap().to_owned();
        let reply = {
            let mut world = world.lock().unwrap();
            world.calls.push(method.clone());
            let answer = world.answer(&method, &call["params"]);
            match world.tamper.take() {
                None => Reply::Answer(answer),
                Some(mut tamper) => {
                    let reply = tamper(&method, &call["params"], answer);
                    world.tamper = Some(tamper);
                    reply
                }
            }
        };
        let (status, kind, body) = match reply {
            Reply::Answer(mut answer) => {
                answer["jsonrpc"] = json!("2.0");
                if answer.get("id").is_none() {
                    answer["id"] = call["id"].clone();
                }
                (200, "application/json", answer.to_string().into_bytes())
            }
            Reply::Raw(status, kind, body) => (status, kind, body),
            Reply::Drop => return,
            Reply::Stall => std::future::pending().await,
        };
        let head = format!(
            "HTTP/1.1 {status} Something\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nLocation: /elsewhere\r\n\r\n",
            body.len()
        );
        // The client may have gone.
        if connection.write_all(head.as_bytes()).await.is_err()
            || connection.write_all(&body).await.is_err()
        {
            return;
        }
    }
}

async fn request(connection: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let start = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if connection.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..start]).to_lowercase();
    let length = head.split("content-length:").nth(1)?.lines().next()?;
    let length: usize = length.trim().parse().ok()?;
    while read.len() < start + length {
        if connection.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some(read[start..start + length].to_vec())
}
