//! `dead-letters replay`, and the running that other commands end with.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use dead_letters::{Action, LetterId, Plan, Report, Run, RunLog, RunOptions};
use serde_json::json;
use service_bus::ServiceBusClient;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::change::{Audit, confirm, state};

use super::{
    answer::account,
    args::{Change, ReplayArgs, Running},
    connect::{Connected, connect},
    failure::{NOT_ALL, WrongUsage},
    operations::Operations,
    plan::{make, operations_for, summary, target},
    progress::Shown,
};
use crate::{
    End,
    output::{harmless, print, print_json},
    write_private,
};

pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let plan = plan_of(&args, &connected).await?;
    plan.check_namespace(connected.client.fully_qualified_namespace())?;
    eprintln!("{}", summary(&plan));
    if plan.messages.is_empty() {
        eprintln!("nothing to do");
        return Ok(End::Well);
    }
    let mut operations = Operations::ask(&args.app).await;
    let not_ready = operations.not_ready(plan.messages.iter()).await;
    if let Some(why) = operations.nobody_to_ask() {
        eprintln!("whether a replay can help was not asked: {}", harmless(why));
    }
    tell_not_ready(&not_ready, args.force);
    let what = Action::Replay;
    let job = Job {
        client: &connected.client,
        plan: &plan,
        what: &what,
        options: options(&args.running, args.planning.rate.or(plan.rate)),
        skips: if args.force { BTreeMap::new() } else { not_ready.clone() },
        log: args.running.log.clone(),
        json: args.running.json,
        change: &args.change,
    };
    if args.dry_run {
        job.check().await?;
        eprintln!(
            "dry run: {} would be replayed; nothing was changed",
            plan.messages.len() - job.skips.len()
        );
        return Ok(End::Well);
    }
    let forced = args.force && !not_ready.is_empty();
    let why = plan_words(&args);
    job.run(Audit::new(&args.change, &plan.namespace, "replay", why).forced(forced), "Replay").await
}

/// The plan of the file, or one made now and kept, so that an interrupted run can go on with it.
async fn plan_of(args: &ReplayArgs, connected: &Connected) -> anyhow::Result<Plan> {
    if let Some(file) = &args.plan {
        if !args.filter.is_empty() || args.planning.limit.is_some() || args.planning.target.is_some() {
            let text = "--plan cannot be combined with filters, --limit or --target: it names the messages";
            return Err(WrongUsage(text.to_owned()).into());
        }
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading the plan {}", file.display()))?;
        return Ok(Plan::read(&text)?);
    }
    let operations = operations_for(&args.app, !args.filter.tenant.is_empty()).await;
    let filter = args.filter.filter(OffsetDateTime::now_utc());
    let plan = make(connected, &operations, filter, &args.planning, target).await?;
    if !args.dry_run && !plan.messages.is_empty() {
        let file = state(&args.change, &format!("plans/{}.json", name(&plan)))?;
        write_private(&file, plan.to_text().as_bytes())
            .with_context(|| format!("writing {}", file.display()))?;
        eprintln!("the plan is saved: if this run is interrupted, continue with --plan {}", file.display());
    }
    Ok(plan)
}

fn plan_words(args: &ReplayArgs) -> String {
    match &args.plan {
        Some(file) => format!("the plan {}", file.display()),
        None => "by filter; see the plan".to_owned(),
    }
}

fn tell_not_ready(not_ready: &BTreeMap<LetterId, String>, force: bool) {
    if not_ready.is_empty() {
        return;
    }
    let what = if force { "replayed anyway (--force)" } else { "skipped; --force replays them" };
    eprintln!("{} of these are expected to die again: {what}", not_ready.len());
    for (id, why) in not_ready.iter().take(10) {
        eprintln!("  {id}: {}", harmless(why));
    }
}

fn name(plan: &Plan) -> &str {
    plan.hash().get(..12).unwrap_or_default()
}

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// The options of a run.
pub(super) fn options(running: &Running, rate: Option<f64>) -> RunOptions {
    RunOptions {
        rate,
        concurrency: usize::from(running.concurrency),
        canary: running.canary,
        stop_on_failure: running.stop_on_failure,
        outcome_wait: running.outcome_wait,
        accept_gone: running.accept_gone,
        ..RunOptions::default()
    }
}

/// A plan on its way to being carried out.
pub(super) struct Job<'a> {
    pub(super) client: &'a ServiceBusClient,
    pub(super) plan: &'a Plan,
    pub(super) what: &'a Action,
    pub(super) options: RunOptions,
    pub(super) skips: BTreeMap<LetterId, String>,
    pub(super) log: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) change: &'a Change,
}

impl Job<'_> {
    /// Whether the plan still fits what is there. Writes nothing, not even a log.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let nobody = |_| {};
        let run =
            Run::new(self.client, self.plan, self.what, &self.options, CancellationToken::new(), &nobody);
        Ok(run.check(&dead_letters::Replayed::default()).await?)
    }

    /// Asks, carries out, accounts.
    pub(super) async fn run(&self, audit: Audit<'_>, verb: &str) -> anyhow::Result<End> {
        let path = match &self.log {
            Some(path) => path.clone(),
            None => state(self.change, &format!("runs/{}.ndjson", name(self.plan)))?,
        };
        let has_begun = std::fs::metadata(&path).is_ok_and(|file| file.len() > 0);
        if !has_begun {
            // Before the log is made: a plan that is refused leaves no trace.
            self.check().await?;
        }
        let (log, replayed) = RunLog::open(&path, self.plan.hash(), self.what.as_str())?;
        let is_report = replayed.finished;
        if !is_report {
            let going_on = if replayed.resumed { ", continuing an earlier run" } else { "" };
            let count = self.plan.messages.len() - self.skips.len();
            confirm(self.change, &format!("{verb} {count} messages in {}{going_on}?", self.plan.namespace))?;
            audit.begins(self.plan.hash())?;
        } else {
            eprintln!("this plan was carried out before: see {}", path.display());
        }
        let report = self.carry_out(&log, replayed).await;
        let Ok(report) = report else {
            let error = report.err().context("no report and no error")?;
            audit.ended(self.plan.hash(), json!({"error": error.to_string()}))?;
            return Err(error)
                .with_context(|| format!("the log is {}; run this again to continue", path.display()));
        };
        if !is_report {
            audit.ended(self.plan.hash(), json!(report.counts))?;
        }
        self.answer(&report)
    }

    async fn carry_out(&self, log: &RunLog, replayed: dead_letters::Replayed) -> anyhow::Result<Report> {
        let stop = CancellationToken::new();
        let mut interrupts = crate::Interrupts::listen()?;
        let interrupted = stop.clone();
        let listening = tokio::spawn(async move {
            interrupts.next().await;
            eprintln!(
                "\nlatchkey: stopping; messages in flight are finished, the rest are left as they were"
            );
            interrupted.cancel();
            interrupts.next().await;
            // Everything that was decided is in the log, and locks end by themselves.
            std::process::exit(INTERRUPTED);
        });
        let shown = Shown::new(self.plan.messages.len());
        let told = |what| shown.tell(what);
        let run = Run::new(self.client, self.plan, self.what, &self.options, stop, &told)
            .skipping(self.skips.clone());
        let report = Box::pin(run.carry_out(log, replayed, OffsetDateTime::now_utc())).await;
        shown.end();
        listening.abort();
        Ok(report?)
    }

    fn answer(&self, report: &Report) -> anyhow::Result<End> {
        if self.json {
            print_json(report)?;
        } else {
            print(&account(report));
        }
        Ok(match (report.finished, report.is_well()) {
            (false, _) => End::Interrupted,
            (true, true) => End::Well,
            (true, false) => End::Status(NOT_ALL),
        })
    }
}
