//! What every part of the simulated cloud shares: the clock, the delays, the signing key and the state.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking::Guarded;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::options::Lags;
use crate::state::State;
use crate::state_file::{StateFile, StateFileError};
use crate::tokens::{Audience, Caller, TokenFault, Tokens};

/// A handle on the cloud, as the routers hold it.
pub(crate) type SharedCloud = Arc<Cloud>;

/// The simulated cloud behind its wires.
pub(crate) struct Cloud {
    pub(crate) clock: Clock,
    pub(crate) lags: Lags,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    /// The keys of the deployments that are getting on at this moment.
    pub(crate) deploying: Mutex<BTreeSet<String>>,
    pub(crate) counters: Counters,
    state: Guarded<State>,
    file: Option<StateFile>,
    /// Why the last change could not be saved. Once set, the edge answers nothing but that.
    storage_fault: Guarded<Option<String>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// A copy of the state.
pub(crate) struct StateCopy(Vec<u8>);

impl Cloud {
    pub(crate) fn new(
        clock: Clock,
        lags: Lags,
        tokens: Tokens,
        state: State,
        file: Option<StateFile>,
    ) -> Result<SharedCloud, StateFileError> {
        if let Some(file) = &file {
            file.save_whole(&state)?;
        }
        Ok(Arc::new(Self {
            clock,
            lags,
            tokens,
            faults: Faults::default(),
            deploying: Mutex::default(),
            counters: Counters::default(),
            state: Guarded::new(state),
            file,
            storage_fault: Guarded::new(None),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Looks at the state. Do not call `read` or `change` inside: the lock is held.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read())
    }

    /// Changes the state and saves it before returning. A closure that may refuse checks first and changes after:
    /// nothing is rolled back. Do not call `read` or `change` inside: the lock is held.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.write();
        let outcome = change(&mut state);
        if let Some(Err(fault)) = self.file.as_ref().map(|file| file.save_changes(&state)) {
            tracing::error!(error = %fault, "the sandbox could not save its state");
            *self.storage_fault.write() = Some(fault.to_string());
        }
        outcome
    }

    /// A copy of the state as it is now, for [`restore`](Self::restore).
    pub(crate) fn copy_state(&self) -> StateCopy {
        // Writing a tracked map counts as saving it; everything was saved by the last change.
        StateCopy(self.read(serde_json::to_vec).expect("a state is saved in the same form"))
    }

    /// Makes the state what it was.
    pub(crate) fn restore(&self, StateCopy(before): StateCopy) {
        let before = serde_json::from_slice(&before).expect("a snapshot was written by this same program");
        self.change(|state| *state = before);
    }

    /// Why a change could not be saved, if that ever happened: from then on nothing may be answered.
    pub(crate) fn storage_fault(&self) -> Option<String> {
        self.storage_fault.read().clone()
    }

    /// Who makes a request, by its bearer token.
    pub(crate) fn caller(&self, headers: &HeaderMap, audience: Audience) -> Result<Caller, TokenFault> {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.tokens.validate(authorization, audience, self.clock.now())
    }

    /// Runs something in the background until it ends or the sandbox stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Resolves when the sandbox begins to stop.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Ends every background task and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

mod parking {
    //! A read-write lock that outlives a panic of one of its holders.
    //!
    //! A panic in one request must not turn every later request into another panic about a poisoned lock.

    use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

    pub(super) struct Guarded<T>(RwLock<T>);

    impl<T> Guarded<T> {
        pub(super) fn new(value: T) -> Self {
            Self(RwLock::new(value))
        }

        pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
