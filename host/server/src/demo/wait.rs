//! Waiting for a condition.

use crate::cli::failure::Failure;
use quorate_proto::reason;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// The wait before asking once more.
const PAUSE: Duration = Duration::from_millis(25);

/// Why a condition does not hold.
pub(super) enum Not {
    /// It may hold later.
    Yet(String),
    /// It never will.
    Ever(Failure),
}

/// Asks until there is an answer, for as long as the patience lasts.
pub(super) async fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, Not>,
) -> Result<T, Failure> {
    let end = Instant::now() + patience;
    let mut last = String::new();
    loop {
        match timeout_at(end, ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(Not::Ever(failure))) => return Err(failure),
            Ok(Err(Not::Yet(why))) => last = why,
            // What was met before says more than that this took too long.
            Err(_) if last.is_empty() => "no answer came".clone_into(&mut last),
            Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(Failure::new(
                reason::DEADLINE_EXCEEDED,
                format!("waited {patience:?} in vain until {what}"),
            )
            .cause(last)
            .cure(
                "try again when the machine is less busy; if it happens again, look at the logs of the nodes",
            ));
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_asks_until_there_is_an_answer() {
        let mut asked = 0;
        let answer = until("three", Duration::from_secs(1), async || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err(Not::Yet(format!("{asked}"))) }
        });
        assert_eq!(answer.await, Ok(3));
    }

    #[tokio::test]
    async fn it_ends_with_the_last_reason_when_patience_does() {
        for hangs in [false, true] {
            let mut asked = 0;
            let failure = until("the end", Duration::from_millis(100), async || {
                asked += 1;
                if hangs && asked > 1 {
                    std::future::pending::<()>().await;
                }
                Err::<(), _>(Not::Yet("not ready".to_owned()))
            });
            let failure = failure.await.expect_err("it never holds");
            assert_eq!(failure.reason, reason::DEADLINE_EXCEEDED);
            assert_eq!(failure.cause.as_deref(), Some("not ready"));
        }
    }

    #[tokio::test]
    async fn what_never_will_be_is_not_waited_for() {
        let broken = Failure::new(reason::INTERNAL, "broken");
        let waited =
            until("mended", Duration::from_secs(3600), async || Err::<(), _>(Not::Ever(broken.clone())));
        assert_eq!(waited.await, Err(broken));
    }
}
