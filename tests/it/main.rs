//! Latchkey through its front door: the whole local world, the real wires, the handler as a process of its own.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

mod as_deployed;
mod bad_messages;
mod budgets;
mod chain;
mod clock;
mod clocks_apart;
mod consent;
mod dead_letters;
mod disks;
mod doctor;
mod evidence;
mod faults;
mod grace;
mod hostile_keys;
mod key_events;
mod kills;
mod leaving;
mod links;
mod machines;
mod metrics;
mod names_of_others;
mod own_side;
mod page_commands;
mod policies;
mod preflight;
mod recovered;
mod replacement;
mod rotation;
mod scenarios;
mod secrets;
mod set_changes;
mod standstill;
mod stored;
mod support;
mod traces;
mod waiting;
mod watch;
mod webhooks;
mod windows;
mod world_changes;
mod year;
