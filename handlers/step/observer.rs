//! The awaits of a function, at each of which the process may be killed.
//!
//! The host stops a handler with SIGKILL, at any time. What must hold then is tested by killing the process at every
//! await of every function; in production nobody listens.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// Hears of every await at which a function is suspended, and of its end.
pub trait Observer: Send + Sync {
    /// This function is suspended for the n-th time in this run; or has ended, and is about to answer the host.
    fn reached(&self, function: &'static str, nth: u32);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn reached(&self, _function: &'static str, _nth: u32) {}
}

/// Carries out a run of a function, and tells the observer of each of its awaits.
pub(crate) async fn observed<F: Future>(
    function: &'static str,
    observer: &dyn Observer,
    step: F,
) -> F::Output {
    Observed { function, observer, step: pin!(step), awaits: 0 }.await
}

struct Observed<'a, F> {
    function: &'static str,
    observer: &'a dyn Observer,
    step: Pin<&'a mut F>,
    awaits: u32,
}

impl<F: Future> Future for Observed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let polled = self.step.as_mut().poll(context);
        self.awaits = self.awaits.saturating_add(1);
        self.observer.reached(self.function, self.awaits);
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(&'static str, u32)>>);

    impl Observer for Heard {
        fn reached(&self, function: &'static str, nth: u32) {
            self.0.lock().unwrap().push((function, nth));
        }
    }

    #[tokio::test]
    async fn every_await_and_the_end_are_heard_of() {
        let heard = Heard::default();
        let step = async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(observed("key_shared", &heard, step).await, 7);
        assert_eq!(*heard.0.lock().unwrap(), [("key_shared", 1), ("key_shared", 2), ("key_shared", 3)]);
    }
}
