//! Every scenario of `latchkey demo --scenario` ends as it must.

use local_world::scenarios::{self, Scenario};
use local_world::world::{LocalWorld, LocalWorldOptions};

use crate::support::options;

async fn played(name: &str) {
    let scenario = Scenario::named(name).unwrap();
    let options = LocalWorldOptions { lags: scenarios::lags(), settings: scenario.settings(), ..options() };
    let world = LocalWorld::start(options).await.unwrap();
    let played = scenario.play(&world).await;
    let readings = played.unwrap_or_else(|error| {
        let problems = world.watched(|watched| watched.problems.clone());
        panic!(
            "{error:#}\n{problems:#?}\n{:#?}",
            world.steps().into_iter().rev().take(20).collect::<Vec<_>>()
        )
    });
    assert!(!readings.is_empty() && readings.iter().all(|(_, value)| !value.is_empty()), "{readings:?}");
    world.stop().await;
}

macro_rules! scenarios {
    ($($name:ident),*) => {
        $(#[tokio::test]
        async fn $name() {
            played(&stringify!($name).replace('_', "-")).await;
        })*

        #[test]
        fn none_is_left_out() {
            let names: Vec<_> = scenarios::ALL.iter().map(|scenario| scenario.name.replace('-', "_")).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

scenarios!(
    onboarding,
    rotation,
    revocation,
    recovery,
    replacement,
    outage,
    offboarding,
    existing_disks,
    misconfigured_customer
);
