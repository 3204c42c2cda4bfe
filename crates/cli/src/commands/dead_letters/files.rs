//! `dead-letters export` and `import`

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
};

use anyhow::Context as _;
use dead_letters::{Filter, Letter, Plan, archive::Archived, browse};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use time::OffsetDateTime;

use super::{
    answer::print,
    args::{ExportArgs, ImportArgs},
    change::{Audit, confirm},
    connect::connect,
    plan::operations_for,
};
use crate::commands::End;

/// Messages that are sent at a time.
const AT_A_TIME: usize = 64;

pub(super) async fn export(args: ExportArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let operations = operations_for(&args.app, !args.filter.tenant.is_empty()).await;
    let filter = args.filter.filter(OffsetDateTime::now_utc());
    let tenant_of = |onboarding: &str| operations.tenant_of(onboarding);
    let mut output = io::BufWriter::new(io::stdout().lock());
    let (mut count, mut trouble) = (0, None);
    for entity in &connected.entities {
        let browsed = browse(&connected.client, entity, 0, |letter| {
            if !filter.matches(&letter, &tenant_of) {
                return true;
            }
            let written = Archived::of(&letter, args.redact)
                .and_then(|archived| archived.to_line())
                .and_then(|line| Ok(output.write_all(&line)?));
            count += usize::from(written.is_ok());
            trouble = written.err();
            trouble.is_none()
        });
        match browsed.await {
            Err(error) if connected.passes_over(entity, &error) => {}
            browsed => browsed?,
        }
        if let Some(trouble) = trouble.take() {
            return Err(trouble).context("exporting");
        }
    }
    output.flush()?;
    eprintln!("{count} dead letters exported{}", if args.redact { ", without their secrets" } else { "" });
    Ok(End::Well)
}

pub(super) async fn import(args: ImportArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let mut text = String::new();
    match args.file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut text).context("reading stdin")?,
        false => std::fs::File::open(&args.file)
            .and_then(|mut file| file.read_to_string(&mut text))
            .with_context(|| format!("reading {}", args.file.display()))?,
    };
    // Everything is read before anything is sent.
    let letters: Result<Vec<Letter>, _> = Archived::read_all(&text)
        .with_context(|| format!("{} cannot be imported", args.file.display()))?
        .iter()
        .map(Archived::to_letter)
        .collect();
    let letters = letters?;
    let namespace = connected.client.fully_qualified_namespace();
    let mut plan = Plan::new(namespace, OffsetDateTime::UNIX_EPOCH, Filter::default(), None, BTreeMap::new());
    letters.iter().for_each(|letter| plan.add(letter));
    let plan = plan.sealed();
    let count = letters.len();
    if args.dry_run || count == 0 {
        eprintln!("{count} messages would be sent; nothing was changed");
        return Ok(End::Well);
    }
    confirm(&args.change, &format!("Send {count} messages to {namespace}?"))?;
    let audit = Audit::new(&args.change, namespace, "import", format!("the file {}", args.file.display()));
    audit.begins(plan.hash())?;
    let sending = stream::iter(letters.iter().zip(&plan.messages)).map(|(letter, planned)| {
        let sender = connected.client.sender(planned.id.entity.as_str());
        let message = dead_letters::resend(letter, planned, plan.hash().get(..12).unwrap_or_default());
        async move {
            let message = message.with_context(|| format!("{} cannot be sent", planned.id))?;
            sender.send(message).await.with_context(|| format!("sending {}", planned.id))
        }
    });
    let sent: anyhow::Result<()> = sending.buffered(AT_A_TIME).try_collect().await;
    audit.ended(plan.hash(), json!({"sent": sent.is_ok(), "messages": count}))?;
    sent.context("not everything was sent; importing the same file again sends the same ids")?;
    print(&format!("{count} messages sent"));
    Ok(End::Well)
}
