//! How every service is ended.

use std::convert::Infallible;
use std::pin::pin;

use tokio::sync::Notify;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;

/// Waits for a service that ends when `stop` is notified, which the first interrupt does. A second one ends the wait, and the
/// failure says what that costs. Until the first, what obeys other signals runs beside the service.
pub(crate) async fn serve_until_told(
    mut interrupts: Interrupts,
    serving: impl Future<Output = ()>,
    stop: &Notify,
    beside: impl Future<Output = Infallible>,
    cost: &str,
) -> Result<Exit, Failure> {
    let mut serving = pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(Exit::Done),
        never = beside => match never {},
        () = interrupts.next() => stop.notify_one(),
    }
    tokio::select! {
        () = serving => Ok(Exit::Done),
        () = interrupts.next() => Err(Failure::could_not_tell(format!("told to end twice: {cost}"))),
    }
}
