use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime};

/// How much less than others the threads ask for: where a core is free they have it, and beside one that wants the same core a
/// quarter, which is enough for no transfer to pass for dead.
const NICENESS: i32 = 5;
/// The lowest priority that there is.
const NICENESS_MAX: i32 = 19;
/// Threads that may block at a time.
const BLOCKING_THREADS_MAX: usize = 64;

/// A runtime for what takes long and waits for nobody: snapshots in flight keep a core busy at each end, which commands need
/// for moments only, and at once.
///
/// It is there from the first time it is needed on, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Background {
    runtime: OnceLock<Option<Runtime>>,
}

impl Background {
    /// Where to spawn. Without a thread to be had that is the current runtime.
    ///
    /// # Panics
    /// Then, outside a tokio runtime.
    pub(crate) fn handle(&self) -> Handle {
        let runtime = self.runtime.get_or_init(|| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).max_blocking_threads(BLOCKING_THREADS_MAX).enable_all();
            builder.thread_name("background");
            give_way(&mut builder);
            builder
                .build()
                .map_err(|error| tracing::warn!(%error, "snapshots go on among everything else"))
                .ok()
        });
        runtime.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take().flatten() {
            // Dropped it would wait for what still runs, which must not be done where this may be dropped.
            runtime.shutdown_background();
        }
    }
}

/// Lowers the priority of its threads, and of those that they start. What cannot be lowered stays as it is.
#[cfg(target_os = "linux")]
fn give_way(builder: &mut Builder) {
    use rustix::process::{getpriority_process, setpriority_process};
    // On Linux none stands for the thread that calls. Threads begin with the priority of whoever starts them, which may be one of
    // these: so it is not lowered by so much, but to so much.
    if let Ok(niceness) = getpriority_process(None) {
        let lowered = niceness.saturating_add(NICENESS).min(NICENESS_MAX);
        builder.on_thread_start(move || {
            let _ = setpriority_process(None, lowered);
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way(_: &mut Builder) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[tokio::test]
    async fn what_runs_in_the_background_and_what_it_starts_gives_way() {
        let own = getpriority_process(None).expect("it is known");
        let background = Background::default();
        let niceness = || getpriority_process(None).expect("it is known");
        let seen = background.handle().spawn(async move {
            let blocking = tokio::task::spawn_blocking(move || {
                (niceness(), std::thread::spawn(niceness).join().expect("it does not panic"))
            });
            (niceness(), blocking.await.expect("it does not panic"))
        });
        let (worker, (blocking, started)) = seen.await.expect("it does not panic");
        let lowered = (own + NICENESS).min(NICENESS_MAX);
        assert_eq!([worker, blocking, started], [lowered; 3]);
        assert_eq!(getpriority_process(None).expect("it is known"), own, "and nobody else");
    }
}
