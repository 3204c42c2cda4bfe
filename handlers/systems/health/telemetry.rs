//! Whether spans and metrics arrive, as far as this process can know.

use custom_handler::telemetry::{self, Export};

use super::{Check, Outcome, Owner};

const MEND: &str = "See that the collector of OTEL_EXPORTER_OTLP_ENDPOINT runs, that the app reaches it, and that it takes \
                    the headers of OTEL_EXPORTER_OTLP_HEADERS. Nothing else stands still because of it.";

pub(super) fn check() -> Check {
    Check { check: "telemetry", outcome: outcome(telemetry::spans(), telemetry::metrics()) }
}

/// The last export of each decides. What is lost is lost, although the collector may answer the next one.
fn outcome(spans: Export, metrics: Export) -> Outcome {
    let both = [("spans", spans), ("metrics", metrics)];
    let of = |wanted: fn(&Export) -> bool| {
        let some = both.iter().filter(|(_, export)| wanted(export)).map(|(signal, _)| *signal);
        some.collect::<Vec<_>>().join(" and ")
    };
    let lost = both.iter().filter_map(|(signal, export)| match export {
        Export::Lost(why) => Some(format!("the last {signal} were lost: {why}")),
        _ => None,
    });
    let lost: Vec<String> = lost.collect();
    if !lost.is_empty() {
        return Outcome::wrong(lost.join("; "), Owner::Deployer, MEND);
    }
    let waits = of(|export| *export == Export::NotYet);
    if !waits.is_empty() {
        return Outcome::not_checked(format!("no {waits} were exported yet"));
    }
    let accepted = of(|export| *export == Export::Accepted);
    if !accepted.is_empty() {
        return Outcome::good(format!("the collector took the last {accepted} of this instance"));
    }
    Outcome::not_checked(
        "nothing is exported by OTLP. The log goes to the Functions host, and whether that reaches Application Insights \
         the app cannot see: the alert nothing-sweeps does",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_wrong_and_what_is_not_known_is_not_checked() {
        let lost = || Export::Lost("503".to_owned());
        let verdict = |outcome: &Outcome| serde_json::json!(outcome)["is"].as_str().unwrap().to_owned();
        for (spans, metrics, is) in [
            (Export::Off, Export::Off, "not-checked"),
            (Export::NotYet, Export::Accepted, "not-checked"),
            (Export::Accepted, Export::Off, "good"),
            (Export::Accepted, Export::Accepted, "good"),
            (lost(), Export::Accepted, "wrong"),
            (Export::NotYet, lost(), "wrong"),
        ] {
            let outcome = outcome(spans.clone(), metrics.clone());
            assert_eq!(verdict(&outcome), is, "{spans:?} {metrics:?}");
        }
        let Outcome::Wrong { saw, .. } = outcome(lost(), lost()) else { panic!("it is wrong") };
        assert_eq!(saw, "the last spans were lost: 503; the last metrics were lost: 503");
    }
}
