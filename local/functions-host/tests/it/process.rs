//! The handler process: environment, readiness, restarts, time-outs, the end.

use std::time::Duration;

use functions_host::{Host, HostEvent, Listen, Options, OutputLevel};
use tokio::time::{Instant, timeout};

use crate::support::{App, PATIENCE, Running, client, is_alive, json, kill, until};

const PLAIN: &str = r#"{"type":"httpTrigger","name":"req"}"#;

async fn call(running: &Running) -> u16 {
    client().get(running.url("/api/plain")).send().await.unwrap().status().as_u16()
}

/// Functions have three seconds.
fn host_json(handler: &str, initialization_timeout: &str) -> String {
    let description = format!(r#"{{"defaultExecutablePath":"{handler}"}}"#);
    format!(
        r#"{{"version":"2.0","functionTimeout":"00:00:03",
            "customHandler":{{"description":{description},"initializationTimeout":"{initialization_timeout}"}}}}"#
    )
}

/// Whether the app still answers at this address, which is that of a function of its own: by now the port may be that of
/// another test's app, which knows no such function.
async fn answers(url: &str) -> bool {
    client().get(url).send().await.is_ok_and(|answer| answer.status() != 404)
}

#[tokio::test]
async fn the_handler_gets_the_five_variables_and_the_app_settings() {
    let script = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"sh","arguments":["show.sh","%FUNCTIONS_CUSTOMHANDLER_PORT%","%nothing%"]}}}"#;
    let app = App::new()
        .file("host.json", script)
        .file(
            "show.sh",
            "echo \"arguments $*\"\nenv | grep -e ^FUNCTIONS_ -e ^MINE | sort\npwd\nexec sleep 60\n",
        )
        .function("plain", PLAIN)
        .setting("MINE", "value")
        .setting("FUNCTIONS_HTTPWORKER_PORT", "overwritten");
    let root = std::fs::canonicalize(app.root()).unwrap();
    let mut running = app.start().await;
    let end = format!("{}", root.display());
    running
        .event("the folder", |event| {
            matches!(event, HostEvent::Output { line, .. } if *line == end).then_some(())
        })
        .await;
    let lines = running.lines();
    let value = |name: &str| {
        let prefix = format!("{name}=");
        lines
            .iter()
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_else(|| panic!("{name} {lines:?}"))
            .to_owned()
    };
    let port: u16 = value("FUNCTIONS_CUSTOMHANDLER_PORT").parse().unwrap();
    assert_eq!(value("FUNCTIONS_HTTPWORKER_PORT"), port.to_string());
    assert_eq!(value("FUNCTIONS_CUSTOMHANDLER_WORKER_ID"), value("FUNCTIONS_HTTPWORKER_ID"));
    assert_eq!(value("FUNCTIONS_APP_ROOT_PATH"), running_root(&lines));
    assert_eq!(value("MINE"), "value");
    assert_eq!(lines[0], format!("arguments {port}"), "the unknown name is deleted");
    running.host.stop().await;
}

fn running_root(lines: &[String]) -> String {
    lines.last().unwrap().clone()
}

#[tokio::test]
async fn stopping_kills_the_handler_and_frees_the_port() {
    let mut running = App::new().function("stopped", PLAIN).start().await;
    running.handler_ready().await;
    let process_id = running.host.handler_process_id().unwrap();
    let url = running.url("/api/stopped");
    assert!(is_alive(process_id) && answers(&url).await);
    running.host.stop().await;
    assert!(!is_alive(process_id));
    assert!(!answers(&url).await);
}

#[tokio::test]
async fn dropping_a_host_kills_its_handler_too() {
    let mut running = App::new().function("plain", PLAIN).start().await;
    running.handler_ready().await;
    let process_id = running.host.handler_process_id().unwrap();
    drop(running);
    until("the end of the process", async || !is_alive(process_id)).await;
}

#[tokio::test]
async fn a_killed_handler_is_started_again_and_invocations_wait_for_it() {
    let mut running = App::new().function("plain", PLAIN).start().await;
    assert_eq!(call(&running).await, 204);
    for starts in 2..=3 {
        let process_id = running.host.handler_process_id().unwrap();
        kill(process_id);
        until("the end of the process", async || !is_alive(process_id)).await;
        until("the next process", async || {
            running.host.handler_process_id().is_some_and(|id| id != process_id)
        })
        .await;
        assert_eq!(call(&running).await, 204);
        assert_eq!(running.starts(), starts);
    }
    let lines = running.lines();
    assert!(lines.iter().any(|line| line.contains("exited with code 137 (0x89)")), "{lines:?}");
    running.host.stop().await;
}

#[tokio::test]
async fn the_third_crash_stops_the_host_with_the_handlers_last_words() {
    let crash = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"sh","arguments":["crash.sh"]}}}"#;
    let app = App::new()
        .file("host.json", crash)
        .file("crash.sh", "echo one 1>&2\necho two 1>&2\necho three 1>&2\necho four 1>&2\nexit 3\n")
        .function("crashing", PLAIN);
    let mut running = app.start().await;
    let url = running.url("/api/crashing");
    let reason = running
        .event("the end", |event| match event {
            HostEvent::Stopped { reason } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert!(
        reason.starts_with("Exceeded http worker restart retry count. Shutting down Functions Host"),
        "{reason}"
    );
    assert!(reason.contains("exited with code 3 (0x3): two, three, four"), "{reason}");
    assert_eq!(running.host.stopped().await, reason);
    let started = |event: &&HostEvent| matches!(event, HostEvent::HandlerStarted { .. });
    assert_eq!(running.seen().iter().filter(started).count(), 3);
    assert!(!answers(&url).await, "nobody listens any more");
    running.host.stop().await;
}

#[tokio::test]
async fn an_executable_that_is_not_there_stops_the_host_with_its_name() {
    let app =
        App::new().file("host.json", &host_json("no-such-handler", "00:01:00")).function("plain", PLAIN);
    let running = app.start().await;
    let reason = running.host.stopped().await;
    assert!(reason.contains("Failed to start Worker Channel. Process fileName: no-such-handler"), "{reason}");
    running.host.stop().await;
}

#[tokio::test]
async fn a_handler_that_never_listens_stops_the_host() {
    let app = || {
        App::new()
            .file("host.json", &host_json(env!("CARGO_BIN_EXE_functions-host-raw-handler"), "00:00:00.5"))
            .function("plain", PLAIN)
            .order("start", "!hang")
    };
    let running = app().start().await;
    let reason = running.host.stopped().await;
    assert!(reason.contains("Initializing HttpWorker timed out."), "{reason}");
    assert_eq!(running.starts(), 3);
    running.host.stop().await;

    // An invocation that waits gives the host up after the time of four starts, if that comes first.
    let mut running = app().start().await;
    let call = client().get(running.url("/api/plain")).send();
    let (reason, answer) = tokio::join!(running.host.stopped(), call);
    assert!(
        reason.contains("Initializing HttpWorker timed out.") || reason.contains("Initialization timed out")
    );
    assert_eq!(answer.unwrap().status(), 500);
    assert!(running.finished("plain").await.is_err());
    running.host.stop().await;
}

#[tokio::test]
async fn an_exit_with_200_is_a_restart_that_does_not_count() {
    let mut app = App::new().function("plain", PLAIN);
    for start in 1..=4 {
        app = app.order(&format!("start.{start}"), "!exit 200");
    }
    let mut running = app.start().await;
    assert_eq!(call(&running).await, 204);
    assert_eq!(running.starts(), 5);
    assert_eq!(running.finished("plain").await, Ok(()));
    running.host.stop().await;
}

#[tokio::test]
async fn after_an_exit_with_0_invocations_run_into_a_refused_connection() {
    let mut running = App::new().function("plain", PLAIN).order("plain.1", "!exit 0").start().await;
    assert_eq!(call(&running).await, 500);
    assert!(running.finished("plain").await.is_err());
    until("the exit", async || running.host.handler_process_id().is_none()).await;
    assert_eq!(call(&running).await, 500);
    let error = running.finished("plain").await.unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    assert_eq!(running.starts(), 1);
    running.host.stop().await;
}

#[tokio::test]
async fn an_invocation_dies_with_its_process_and_the_next_one_is_served() {
    let mut running = App::new().function("plain", PLAIN).order("plain.1", "!exit 1").start().await;
    assert_eq!(call(&running).await, 500);
    assert!(running.finished("plain").await.is_err());
    assert_eq!(call(&running).await, 204);
    assert_eq!(running.starts(), 2);
    running.host.stop().await;
}

#[tokio::test]
async fn a_function_past_its_time_fails_and_the_handler_is_killed_after_a_grace_period() {
    let app = App::new()
        .file("host.json", &host_json(env!("CARGO_BIN_EXE_functions-host-raw-handler"), "00:01:00"))
        .function("plain", PLAIN)
        .order("plain.1", "!hang");
    let mut running = app.start().await;
    running.handler_ready().await;
    let started = Instant::now();
    assert_eq!(call(&running).await, 500);
    let error = running.finished("plain").await.unwrap_err();
    assert_eq!(error, "Timeout value of 00:00:03 was exceeded by function: Functions.plain");
    // Whoever hears of it meets the next process.
    assert_eq!(running.starts(), 2);
    assert!(started.elapsed() >= Duration::from_secs(5), "three seconds of time-out and two of grace");
    assert_eq!(call(&running).await, 204);
    assert_eq!(running.starts(), 2);
    running.host.stop().await;
}

#[tokio::test]
async fn an_empty_answer_hangs_until_the_time_is_over() {
    let app = App::new()
        .file("host.json", &host_json(env!("CARGO_BIN_EXE_functions-host-raw-handler"), "00:01:00"))
        .function("plain", PLAIN)
        .order("plain.1", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .order("plain.2", json("null"));
    let mut running = app.start().await;
    running.handler_ready().await;
    for status in ["204", "200"] {
        let started = Instant::now();
        assert_eq!(call(&running).await, 500);
        assert!(started.elapsed() >= Duration::from_secs(3));
        let error = running.finished("plain").await.unwrap_err();
        assert!(error.starts_with("Timeout value"), "{error}");
        let lines = running.lines();
        let warning = format!("with {status} and an empty result");
        assert!(lines.iter().any(|line| line.contains(&warning)), "{lines:?}");
    }
    running.host.stop().await;
}

#[tokio::test]
async fn an_invocation_that_hangs_does_not_keep_the_host() {
    let mut running = App::new().function("plain", PLAIN).order("plain", json("null")).start().await;
    let url = running.url("/api/plain");
    let call = tokio::spawn(async move { client().get(url).send().await.map(|response| response.status()) });
    running.warned("with 200 and an empty result").await;
    running.stop_and_end().await;
    // The client is not left without an end.
    let _ = call.await.unwrap();
}

#[tokio::test]
async fn a_megabyte_on_stderr_is_read_and_told_as_errors() {
    let mut running = App::new().function("plain", PLAIN).order("plain", "!noise 1000000").start().await;
    assert_eq!(call(&running).await, 204);
    let mut lines = 0;
    while lines < 10_000 {
        lines += running
            .event("a line", |event| match event {
                HostEvent::Output { level: OutputLevel::Error, line } if line.len() == 99 => Some(1),
                _ => None,
            })
            .await;
    }
    running.host.stop().await;
}

#[tokio::test]
async fn an_app_without_functions_starts_no_process() {
    let running = App::new().start().await;
    assert_eq!(running.host.handler_process_id(), None);
    assert_eq!(client().get(running.url("/")).send().await.unwrap().status(), 200);
    assert_eq!(running.starts(), 0);
    running.host.stop().await;
}

#[tokio::test]
async fn a_taken_port_and_a_missing_host_json_are_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let app = App::new();
    let options = Options { listen: Listen::Port(port), ..Options::new(app.root()) };
    let error = timeout(PATIENCE, Host::start(options)).await.unwrap().unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on 127.0.0.1:{port}"));
    let empty = tempfile::tempdir().unwrap();
    let error = Host::start(Options::new(empty.path())).await.unwrap_err().to_string();
    assert!(error.contains("host.json"), "{error}");
}

#[tokio::test]
async fn a_listener_that_its_owner_holds_is_taken_over() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", held.local_addr().unwrap());
    let app = App::new();
    let options = Options { listen: Listen::On(held), ..Options::new(app.root()) };
    let host = Host::start(options).await.unwrap();
    assert_eq!(host.url(), url);
    assert_eq!(client().get(format!("{url}/")).send().await.unwrap().status(), 200);
    host.stop().await;
}
