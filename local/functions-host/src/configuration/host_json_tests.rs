//! Cases from the real host's own `HttpWorkerOptionsSetupTests`, and its refusals.

use super::super::custom_handler::Forwarding;
use super::*;

fn read(json: &str, settings: &[(&str, &str)]) -> Result<HostJson, HostJsonError> {
    HostJson::from_json(&Json::parse(json).unwrap(), Path::new("/app"), &Settings::only(settings))
}

fn handler(section: &str) -> CustomHandler {
    read(&format!(r#"{{"version":"2.0","customHandler":{section}}}"#), &[]).unwrap().custom_handler
}

#[test]
fn defaults_are_those_of_the_real_host() {
    let host =
        read(r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"node"}}}"#, &[])
            .unwrap();
    assert_eq!(host.custom_handler.executable, "node");
    assert_eq!(host.custom_handler.working_directory, Path::new("/app"));
    assert_eq!(host.custom_handler.forwarding, Forwarding::Off);
    assert_eq!(host.custom_handler.initialization_timeout, Duration::from_secs(30));
    assert!(host.custom_handler.stderr_is_for_errors_only);
    assert_eq!(host.function_timeout, Some(Duration::from_secs(1800)));
    assert_eq!(host.http.route_prefix, "api");
    assert_eq!(host.service_bus.max_auto_lock_renewal, Some(Duration::from_secs(300)));
    assert_eq!(host.service_bus.max_concurrent_calls % 16, 0);
}

#[test]
fn names_do_not_care_about_case_and_arguments_stay_single_strings() {
    let found = handler(
        r#"{"Description":{"DEFAULTEXECUTABLEPATH":"node","arguments":["--xTest1 --xTest2","b"],
            "workingDirectory":"sub"},"EnableForwardingHttpRequest":"True"}"#,
    );
    assert_eq!(found.arguments, ["--xTest1 --xTest2", "b"]);
    assert_eq!(found.working_directory, Path::new("/app/sub"));
    assert_eq!(found.forwarding, Forwarding::Raw);
}

#[test]
fn variables_are_expanded_in_paths_and_arguments() {
    let json = r#"{"version":"2.0","customHandler":{"description":{
        "defaultExecutablePath":"%TestEnv%","defaultWorkerPath":"%TestEnv%.js","arguments":["%TestEnv%","%no%"]}}}"#;
    let found = read(json, &[("TestEnv", "TestVal")]).unwrap().custom_handler;
    assert_eq!(found.executable, "TestVal");
    assert_eq!(found.worker_path.as_deref(), Some("TestVal.js"));
    assert_eq!(found.arguments, ["TestVal", "%no%"]);
}

#[test]
fn the_environment_overrides_every_value() {
    let json = r#"{"version":"2.0","functionTimeout":"00:01:00",
        "customHandler":{"description":{"defaultExecutablePath":"node"}}}"#;
    let host = read(
        json,
        &[
            ("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", "other"),
            ("AzureFunctionsJobHost__customHandler__description__arguments__0", "x"),
            ("AzureFunctionsJobHost__functionTimeout", "-1"),
            ("AzureFunctionsJobHost__extensions__http__routePrefix", "/v1"),
            (
                "AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration",
                "-00:00:00.0010000",
            ),
        ],
    )
    .unwrap();
    assert_eq!(host.custom_handler.executable, "other");
    assert_eq!(host.custom_handler.arguments, ["x"]);
    assert_eq!(host.function_timeout, None);
    assert_eq!(host.http.route_prefix, "v1");
    assert_eq!(host.service_bus.max_auto_lock_renewal, None);
}

#[test]
fn the_legacy_section_forwards_to_the_functions_name_and_warns() {
    let json = r#"{"version":"2.0","httpWorker":{"description":{"defaultExecutablePath":"node"}}}"#;
    let host = read(json, &[]).unwrap();
    assert_eq!(host.custom_handler.forwarding, Forwarding::RawToFunctionName);
    assert_eq!(host.warnings.len(), 1);
}

#[test]
fn what_the_real_host_refuses_is_refused_in_its_words() {
    let check = |json: &str, expected: &str| {
        let error = read(json, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    };
    check("{}", "missing the required 'version' property");
    check(r#"{"version":"1.0"}"#, "'1.0' is an invalid value for host.json 'version' property");
    check(r#"{"version":"2.0"}"#, "no 'customHandler' section");
    check(
        r#"{"version":"2.0","customHandler":{"enableForwardingHttpRequest":true}}"#,
        "Missing worker Description.",
    );
    check(
        r#"{"version":"2.0","customHandler":{"description":{"arguments":["a"]}}}"#,
        "WorkerDescription DefaultExecutablePath cannot be empty",
    );
    check(
        r#"{"version":"2.0","functionTimeout":"soon","customHandler":{"description":{"defaultExecutablePath":"x"}}}"#,
        "at 'AzureFunctionsJobHost:functionTimeout' to type 'System.TimeSpan'",
    );
    check(
        r#"{"version":"2.0","configurationProfile":"fast","customHandler":{"description":{"defaultExecutablePath":"x"}}}"#,
        "'fast' is not supported",
    );
    check(
        r#"{"version":"2.0","extensions":{"serviceBus":{"maxConcurrentCalls":0}},
            "customHandler":{"description":{"defaultExecutablePath":"x"}}}"#,
        "maxConcurrentCalls must be at least 1",
    );
}

#[test]
fn proxying_wins_over_forwarding_under_either_of_its_names() {
    let with =
        |members: &str| handler(&format!(r#"{{"description":{{"defaultExecutablePath":"x"}},{members}}}"#));
    let forwarding = |members: &str| with(members).forwarding;
    assert_eq!(forwarding(r#""enableProxyingHttpRequest":true"#), Forwarding::Proxy);
    assert_eq!(forwarding(r#""http":{"enableProxying":true}"#), Forwarding::Proxy);
    let both = r#""enableForwardingHttpRequest":true,"enableProxyingHttpRequest":true"#;
    assert_eq!(forwarding(both), Forwarding::Proxy);
    let off = r#""enableProxyingHttpRequest":false,"http":{"enableProxying":true}"#;
    assert_eq!(forwarding(off), Forwarding::Off);
    assert_eq!(with(r#""port":"8000""#).port, Some(8000));
}

#[test]
fn both_sections_and_the_type_none_are_warned_of() {
    let json = r#"{"version":"2.0","httpWorker":{"description":{"defaultExecutablePath":"old"}},
        "customHandler":{"type":"none","port":7,"description":{"defaultExecutablePath":"new"}}}"#;
    let host = read(json, &[]).unwrap();
    assert_eq!((host.custom_handler.executable.as_str(), host.custom_handler.port), ("new", Some(7)));
    assert!(host.warnings[0].contains("customHandler takes precedence"), "{:?}", host.warnings);
    assert!(host.warnings[1].contains("CustomHandlerType None is not supported"), "{:?}", host.warnings);
}

#[test]
fn a_setting_can_hold_all_arguments_as_one_list() {
    let json = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"node","arguments":["a"]}}}"#;
    let name = "AzureFunctionsJobHost__customHandler__description__arguments";
    let read = |value: &str| read(json, &[(name, value)]).unwrap().custom_handler.arguments;
    assert_eq!(read(r#"["x y","z"]"#), ["x y", "z"]);
    assert_eq!(read("no list"), ["a"], "what is no list is passed over");
}

#[test]
fn limits_of_http_and_the_runtime_are_read() {
    let json = r#"{"version":"2.0","extensions":{"http":{"maxOutstandingRequests":-1,"maxConcurrentRequests":5}},
        "customHandler":{"description":{"defaultExecutablePath":"x"}}}"#;
    let host = read(json, &[("FUNCTIONS_WORKER_RUNTIME", "Custom")]).unwrap();
    assert_eq!((host.http.max_outstanding_requests, host.http.max_concurrent_requests), (None, Some(5)));
    assert!(host.is_custom_runtime && !read(json, &[]).unwrap().is_custom_runtime);
}

#[test]
fn an_executable_in_the_worker_directory_becomes_absolute() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.sh"), "").unwrap();
    let json = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"run.sh"}}}"#;
    let host = HostJson::from_json(&Json::parse(json).unwrap(), folder.path(), &Settings::only(&[])).unwrap();
    assert_eq!(Path::new(&host.custom_handler.executable), folder.path().join("run.sh"));
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = HostJson::read(folder.path(), &Settings::only(&[])).unwrap_err();
    assert!(error.to_string().contains("host.json"), "{error}");
    std::fs::write(folder.path().join("host.json"), "{").unwrap();
    let error = HostJson::read(folder.path(), &Settings::only(&[])).unwrap_err();
    assert!(error.to_string().starts_with("Unable to parse host configuration file"), "{error}");
}
