//! A message as Service Bus may send it to the client.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| service_bus::fuzzing::message(bytes));
