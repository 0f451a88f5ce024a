//! Waiting for a condition.

use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep};

/// After so long without the condition a test is taken to hang. No test is about how long something takes, so
/// this is generous: the machine may be busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long to wait before asking once more.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`]; the message has the last reason why not.
pub async fn until<T, Fut>(what: &str, mut ask: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Result<T, String>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(reason) if Instant::now() > end => panic!("waited in vain until {what}: {reason}"),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
