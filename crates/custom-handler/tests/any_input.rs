//! What the fuzzer does for hours, for a second: any bytes at all, and invocations that are almost right.

#![expect(clippy::expect_used, reason = "the helpers of tests may fail like tests")]

mod fuzzing;

use fuzzing::Target;
use proptest::{collection::vec, prelude::*, sample::Index};

thread_local! {
    static TARGET: Target = Target::new();
}

fn run(input: &[u8]) {
    TARGET.with(|target| target.run(input));
}

/// The fuzzer's own first inputs.
fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/invocation");
    let files = std::fs::read_dir(folder).expect("the seeds");
    let mut seeds: Vec<Vec<u8>> =
        files.map(|file| std::fs::read(file.expect("a seed").path()).expect("a seed")).collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_runs_in_every_function() {
    let seeds = seeds();
    assert!(seeds.len() >= 8, "only {} seeds", seeds.len());
    for seed in seeds {
        for choice in 0..=u8::MAX {
            run(&[&[choice], &seed[1..]].concat());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bytes(input in vec(any::<u8>(), 0..300)) {
        run(&input);
    }

    #[test]
    fn any_text(choice in any::<u8>(), text in ".*") {
        run(&[&[choice], text.as_bytes()].concat());
    }

    #[test]
    fn invocations_that_are_almost_right(
        choice in any::<u8>(),
        seed in prop::sample::select(seeds()),
        edits in vec((any::<Index>(), prop_oneof![
            any::<u8>(),
            prop::sample::select(br#""\{}[]:,0-.eEntf/=uX"#.to_vec()),
        ], 0..3_u8), 1..6),
    ) {
        let mut input = seed;
        for (at, byte, edit) in edits {
            let at = at.index(input.len());
            match edit {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                _ if input.len() > 2 => drop(input.remove(at)),
                _ => (),
            }
        }
        input[0] = choice;
        run(&input);
    }
}
