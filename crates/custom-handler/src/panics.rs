//! Panics of a function, caught: one bad invocation must not end the process, because the host gives up after three
//! crashes within half an hour (azure-functions-host, `HttpFunctionInvocationDispatcher.cs`).
//!
//! The place of a panic is known only to the panic hook, which would write it to stderr, where the host takes every
//! line for an error of its own. Our hook passes it to the code that catches the panic; other panics become a log line.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
    task::Poll,
};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `future` to its end.
///
/// # Errors
/// What the panic said and, once [`install_hook`] was called, where it was.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        // A caught future may poll another caught one.
        let outer = CATCHING.replace(true);
        // Nobody looks at what the panic may have left half done: the future is dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        CATCHING.set(outer);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(describe(panic.as_ref()))),
        }
    })
    .await
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let said = message_of(panic);
    match PLACE.take() {
        Some(place) => format!("{said} (at {place})"),
        None => said.to_owned(),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Takes over the panic hook of the process, once.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            if CATCHING.get() {
                PLACE.set(place);
            } else {
                let (said, place) = (message_of(panic.payload()), place.unwrap_or_default());
                tracing::error!(place, "a panic outside of any function: {said}");
            }
        }));
    });
}
