//! Every seed of the fuzz target, those included that once made it panic.

use std::fs;

#[test]
fn no_seed_makes_it_panic() {
    let seeds = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/amqp_message")).unwrap();
    let mut run = 0;
    for seed in seeds {
        service_bus::fuzzing::message(&fs::read(seed.unwrap().path()).unwrap());
        run += 1;
    }
    assert!(run >= 8, "only {run} seeds");
}
