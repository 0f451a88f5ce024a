//! A fixed number of threads that work off mailboxes: each mailbox in order, by one thread at a time, many side by side.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

/// How much of one mailbox is worked off before the next one has its turn.
const WORK_PER_TURN_MAX: usize = 16;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the mutexes of this file guard is changed by single steps that cannot panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

trait Turn: Send + Sync {
    /// Works off some of what waits; true when more waits.
    fn turn(&self) -> bool;
}

#[derive(Default)]
struct Ready {
    mailboxes: VecDeque<Arc<dyn Turn>>,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    ready: Mutex<Ready>,
    filled: Condvar,
}

impl Shared {
    fn schedule(&self, mailbox: Arc<dyn Turn>) {
        lock(&self.ready).mailboxes.push_back(mailbox);
        self.filled.notify_one();
    }

    fn work(&self) {
        loop {
            let mailbox = {
                let mut ready = lock(&self.ready);
                loop {
                    if let Some(mailbox) = ready.mailboxes.pop_front() {
                        break mailbox;
                    }
                    if ready.stopped {
                        return;
                    }
                    ready = self.filled.wait(ready).unwrap_or_else(PoisonError::into_inner);
                }
            };
            if mailbox.turn() {
                self.schedule(mailbox);
            }
        }
    }
}

/// The threads.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts so many threads of that name.
    pub(super) fn start(name: &str, threads: usize) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let threads = (0..threads.max(1))
            .map(|number| {
                let shared = shared.clone();
                thread::Builder::new().name(format!("{name}-{number}")).spawn(move || shared.work())
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// A mailbox whose work this pool does.
    pub(super) fn mailbox<W: Worker>(&self, worker: W) -> Arc<Mailbox<W>> {
        Arc::new(Mailbox {
            shared: self.shared.clone(),
            waiting: Mutex::new(WaitingWork { queue: VecDeque::new(), scheduled: false }),
            worker: Mutex::new(worker),
        })
    }

    /// Works off what waits and ends the threads.
    pub(super) fn stop(&self) {
        lock(&self.shared.ready).stopped = true;
        self.shared.filled.notify_all();
        for thread in lock(&self.threads).drain(..) {
            // Workers' panics are caught within; there is nothing left to do about another.
            let _ = thread.join();
        }
    }
}

/// Does the work of one mailbox.
pub(super) trait Worker: Send + 'static {
    /// A piece of work.
    type Work: Send;

    /// Does it.
    fn work(&mut self, work: Self::Work);

    /// The work panicked with this message; what `self` holds may be half changed.
    fn panicked(&mut self, message: String);
}

struct WaitingWork<T> {
    queue: VecDeque<T>,
    scheduled: bool,
}

/// Work for one worker, done in order.
pub(super) struct Mailbox<W: Worker> {
    shared: Arc<Shared>,
    waiting: Mutex<WaitingWork<W::Work>>,
    worker: Mutex<W>,
}

impl<W: Worker> Mailbox<W> {
    /// Adds work at the end.
    pub(super) fn push(self: &Arc<Self>, work: W::Work) {
        let mut waiting = lock(&self.waiting);
        waiting.queue.push_back(work);
        self.wake(waiting);
    }

    /// Adds work at the end unless so much waits already; gives it back then.
    pub(super) fn try_push(self: &Arc<Self>, work: W::Work, waiting_max: usize) -> Result<(), W::Work> {
        let mut waiting = lock(&self.waiting);
        if waiting.queue.len() >= waiting_max {
            return Err(work);
        }
        waiting.queue.push_back(work);
        self.wake(waiting);
        Ok(())
    }

    fn wake(self: &Arc<Self>, mut waiting: MutexGuard<'_, WaitingWork<W::Work>>) {
        if !waiting.scheduled {
            waiting.scheduled = true;
            drop(waiting);
            self.shared.schedule(self.clone());
        }
    }
}

impl<W: Worker> Turn for Mailbox<W> {
    fn turn(&self) -> bool {
        let mut worker = lock(&self.worker);
        for _ in 0..WORK_PER_TURN_MAX {
            let work = {
                let mut waiting = lock(&self.waiting);
                let Some(work) = waiting.queue.pop_front() else {
                    waiting.scheduled = false;
                    // There are several for every replica, and most of them have nothing to do for long.
                    waiting.queue.shrink_to_fit();
                    return false;
                };
                work
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| worker.work(work))) {
                worker.panicked(panic_message(panic.as_ref()));
            }
        }
        true
    }
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|&text| text.to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Collector {
        seen: mpsc::Sender<Result<u32, String>>,
    }

    impl Worker for Collector {
        type Work = u32;

        fn work(&mut self, work: u32) {
            assert!(work != 13, "thirteen");
            self.seen.send(Ok(work)).expect("the test listens");
        }

        fn panicked(&mut self, message: String) {
            self.seen.send(Err(message)).expect("the test listens");
        }
    }

    #[test]
    fn work_of_one_mailbox_is_done_in_order_whatever_the_number_of_threads() {
        let pool = Pool::start("test", 4).expect("threads");
        let (seen, order) = mpsc::channel();
        let mailbox = pool.mailbox(Collector { seen });
        for number in 100..1100 {
            mailbox.push(number);
        }
        pool.stop();
        drop(mailbox);
        let seen: Vec<_> = order.iter().map(|number| number.expect("no panic")).collect();
        assert_eq!(seen, (100..1100).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_is_told_to_the_worker_and_the_mailbox_goes_on() {
        let pool = Pool::start("test", 1).expect("threads");
        let (seen, order) = mpsc::channel();
        let mailbox = pool.mailbox(Collector { seen });
        for number in [12, 13, 14] {
            mailbox.push(number);
        }
        pool.stop();
        drop(mailbox);
        let seen: Vec<_> = order.iter().collect();
        assert_eq!(seen, [Ok(12), Err("thirteen".to_owned()), Ok(14)]);
    }

    #[test]
    fn a_full_mailbox_gives_the_work_back() {
        struct Blocked(mpsc::Receiver<()>);
        impl Worker for Blocked {
            type Work = u32;
            fn work(&mut self, _: u32) {
                // Until the test lets go.
                let _ = self.0.recv();
            }
            fn panicked(&mut self, _: String) {}
        }
        let pool = Pool::start("test", 1).expect("threads");
        let (release, blocked) = mpsc::channel();
        let mailbox = pool.mailbox(Blocked(blocked));
        mailbox.push(1);
        mailbox.push(2);
        let refused = mailbox.try_push(3, 1);
        drop(release);
        pool.stop();
        assert_eq!(refused, Err(3), "one or two wait already, and one may");
    }
}
