//! AMQP frames as anybody may send them to the broker.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| broker::fuzzing::frames(bytes));
