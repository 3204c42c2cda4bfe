//! One invocation: what is sent to the handler, what its answer means, and what is told about it.

pub(crate) mod answer;
pub(crate) mod error;
pub(crate) mod executor;
pub(crate) mod retry;
mod traps;
pub(crate) mod value;

pub(crate) use answer::Answer;
pub(crate) use error::InvocationError;
pub(crate) use executor::{Executor, Invocation};
pub(crate) use value::{BindingData, WireValue};
