//! The package, started as Azure starts it: unpacked by somebody else's tool, read-only, and by a user who owns nothing
//! of it.
//!
//! `LATCHKEY_PYTHON` unpacks it, by default `python3`. Without either the test says so and passes, unless
//! `LATCHKEY_REQUIRE_JUDGES=1`. Only root can start it as another user; everybody else is told that this was not tried.

use std::{
    fs,
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use local_world::world::broker_configuration;
use rustix::process::geteuid;
use service_bus::{Entity, Message, ServiceBusClient};
use uuid::Uuid;

use crate::{
    deployed_executable::deployed_executable,
    processes::{Running, latchkey},
    support::{PATIENCE, plain_client},
};

/// `nobody`, who owns no file.
const ANOTHER_USER: u32 = 65_534;
const GUID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

/// Past the test runner's capture: whoever runs the tests is to see it although the test passes.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

pub(crate) fn python() -> Option<String> {
    let python = std::env::var("LATCHKEY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let runs = Command::new(&python).arg("--version").stdout(Stdio::null()).status();
    if runs.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but there is no Python ({python})");
    say(
        "SKIPPED: the package was not started: there is no Python to unpack it, and LATCHKEY_PYTHON is not set",
    );
    None
}

/// A folder that everybody may read, and that is removed at the end although parts of it are closed to writing.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        open_to_writing(self.0.path());
    }
}

fn open_to_writing(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
    let folders = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    folders.filter(|path| path.is_dir() && !path.is_symlink()).for_each(|path| open_to_writing(&path));
}

/// The package, made once by the operator's command.
fn package() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let zip = Path::new(env!("CARGO_TARGET_TMPDIR")).join("functions.zip");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        let made = latchkey(&["package", "--glibc", "2.99", "--manifest-path", manifest, "--executable"])
            .arg(stripped())
            .arg("--out")
            .arg(&zip)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "no package: {made}");
        zip
    })
}

/// The executable as it is shipped, without what a debugger needs: with that, it would be too large for a package.
fn stripped() -> PathBuf {
    let stripped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("latchkey-functions");
    let ended = Command::new("strip").arg("-o").arg(&stripped).arg(deployed_executable()).status();
    let ended = ended.expect("`strip`, which comes with every C compiler");
    assert!(ended.success(), "not stripped: {ended}");
    stripped
}

/// Has the package unpacked.
pub(crate) fn unpacked(folder: &Folder, python: &str) -> PathBuf {
    let root = folder.path("package");
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/package/unpack.py");
    let ended = Command::new(python).arg(judge).arg(package()).arg(&root).status().unwrap();
    assert!(ended.success(), "the package cannot be unpacked: {ended}");
    root
}

/// The command as another user, if this user may do that.
fn as_another_user(command: &mut Command) -> &mut Command {
    if geteuid().is_root() { command.uid(ANOTHER_USER).gid(ANOTHER_USER) } else { command }
}

/// Settings that suffice for a start. Nothing of Azure is reached.
fn settings(connection: &str) -> Vec<(&'static str, String)> {
    let identity = format!("/subscriptions/{GUID}/resourceGroups/g/providers/M.I/u/n");
    vec![
        ("FUNCTIONS_WORKER_RUNTIME", "custom".to_owned()),
        ("ServiceBus", connection.to_owned()),
        ("LATCHKEY_JOURNAL_URL", "memory:///".to_owned()),
        ("LATCHKEY_PUBLIC_URL", "http://127.0.0.1:7071".to_owned()),
        ("LATCHKEY_VENDOR_TENANT_ID", GUID.to_owned()),
        ("LATCHKEY_VENDOR_SUBSCRIPTION_ID", GUID.to_owned()),
        ("LATCHKEY_APPLICATION_ID", GUID.to_owned()),
        ("LATCHKEY_MANAGED_IDENTITY_CLIENT_ID", GUID.to_owned()),
        ("LATCHKEY_MANAGED_IDENTITY_ID", identity),
        ("LATCHKEY_RESOURCE_GROUP", "g".to_owned()),
        ("LATCHKEY_REGION", "westeurope".to_owned()),
        ("LATCHKEY_SIGNING_KEY", "A".repeat(44).replace("AAAA", "QUJD")),
        ("LATCHKEY_SWEEP_SCHEDULE", "0 * * * * *".to_owned()),
        ("LATCHKEY_WATCH_SCHEDULE", "0 * * * * *".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
    ]
}

/// The host's program where another user finds it: a checkout may lie where only its owner can go.
fn host_program(folder: &Folder) -> PathBuf {
    let (ours, copy) = (Path::new(env!("CARGO_BIN_EXE_latchkey-local")), folder.path("latchkey-local"));
    if fs::hard_link(ours, &copy).is_err() {
        fs::copy(ours, &copy).unwrap();
    }
    copy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_is_started_read_only_by_a_user_who_owns_nothing_of_it() {
    let Some(python) = python() else { return };
    if !geteuid().is_root() {
        say("NOT TRIED: the package was started read-only, but not by another user: only root can do that");
    }
    let folder = Folder::new();
    let root = unpacked(&folder, &python);
    let written =
        as_another_user(Command::new("sh").args(["-c", "echo > \"$1/x\"", "sh"]).arg(&root)).output();
    assert!(!written.unwrap().status.success(), "the package can be written to");

    let config = folder.path("Config.json");
    fs::write(&config, broker_configuration().to_string()).unwrap();
    let mut broker = latchkey(&["broker", "--port", "0", "--json", "--config"]);
    broker.arg(&config);
    let mut broker = Running::start("the broker", broker);
    let listening = broker.next("that it listens", |_| true);
    let connection = listening["connectionString"].as_str().unwrap();

    let mut host = Command::new(host_program(&folder));
    host.args(["host", "--port", "0", "--json", "--script-root"]).arg(&root).current_dir(&root);
    // No HOME, and nothing else of whoever runs the tests.
    as_another_user(&mut host).env_clear().envs(settings(connection));
    let mut host = Running::start("the host", host);
    let listening = host.next("that it listens", |line| line["event"] == "listening");
    assert_eq!(listening["functionErrors"].as_array().unwrap().len(), 0, "{listening:#}");
    let functions = listening["functions"].as_array().unwrap();
    let queue = functions.iter().find(|function| function["name"] == "key_shared").unwrap();
    assert_eq!((&queue["trigger"], &queue["entity"]), (&"serviceBusTrigger".into(), &"key_shared".into()));
    let handler = host.next("of its handler", |line| line["event"] == "handlerStarted");
    host.next("that it is ready", |line| line["event"] == "handlerReady");

    let handler = format!("/proc/{}", handler["processId"]);
    assert_eq!(fs::read_link(format!("{handler}/cwd")).unwrap(), root.canonicalize().unwrap());
    let packaged = root.canonicalize().unwrap().join("latchkey-functions");
    assert_eq!(fs::read_link(format!("{handler}/exe")).unwrap(), packaged);
    if geteuid().is_root() {
        assert_eq!(fs::metadata(&handler).unwrap().uid(), ANOTHER_USER);
        assert_ne!(fs::metadata(&packaged).unwrap().uid(), ANOTHER_USER);
    }

    // Without its token the landing page refuses, as the app and not as its host: that one answers without a page.
    let signup =
        format!("{}api/signup", listening["url"].as_str().unwrap().trim_end_matches('/').to_owned() + "/");
    let answer = plain_client().get(signup).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let page = answer.text().await.unwrap();
    assert!(page.contains("<!DOCTYPE html>"), "{page}");

    let client = ServiceBusClient::from_connection_string(connection).unwrap();
    let undecodable = Message::new("not an event").with_message_id(Uuid::new_v4().to_string());
    client.sender(Entity::queue("key_shared")).send(undecodable).await.unwrap();
    let receiver = client.receiver(Entity::queue("key_shared").dead_letter());
    let refused = receiver.receive(1, PATIENCE).await.unwrap().pop().expect("a dead letter");
    assert_eq!(refused.dead_letter_reason.as_deref(), Some("Undecodable"));
    client.close().await;
    assert_eq!(host.interrupt(), Some(0));
}
