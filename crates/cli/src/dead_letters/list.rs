//! `dead-letters list`

use std::collections::BTreeSet;

use dead_letters::{Filter, Group, Grouping, Letter, Replayable, browse};
use serde::Serialize;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::{
    args::ListArgs,
    connect::{Connected, connect},
    operations::{Operations, Question},
};
use crate::{
    End,
    output::{cut, moment, print, print_json, table},
};

#[derive(Serialize)]
struct Listed {
    namespace: String,
    total: usize,
    groups: Vec<Group>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    letters: Vec<Json>,
    /// Why the function app could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
}

pub(super) async fn run(args: ListArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let mut operations = Operations::ask(&args.app).await;
    let filter = args.filter.filter(OffsetDateTime::now_utc());
    let questions = questions(&connected, &operations, &filter).await?;
    operations.assess(questions, args.check).await;
    let tenant_of = |onboarding: &str| operations.tenant_of(onboarding);
    let (mut grouping, mut letters, mut rows, mut total) = (Grouping::default(), vec![], vec![], 0);
    for entity in &connected.entities {
        let browsed = browse(&connected.client, entity, 0, |letter| {
            if filter.matches(&letter, &tenant_of) {
                total += 1;
                let replayable = operations.replayable(&letter);
                grouping.add(&letter, &replayable);
                if args.each && args.json {
                    letters.push(summary(&letter, &replayable));
                } else if args.each {
                    rows.push(row(&letter, &replayable));
                }
            }
            true
        });
        match browsed.await {
            Err(error) if connected.passes_over(entity, &error) => {}
            browsed => browsed?,
        }
    }
    let namespace = connected.client.fully_qualified_namespace().to_owned();
    let app = operations.trouble().map(str::to_owned);
    let groups = grouping.into_groups();
    if args.json {
        print_json(&Listed { namespace, total, groups, letters, app })?;
    } else if total == 0 {
        print(&format!("No dead letters in {namespace}."));
    } else if args.each {
        print(&table(
            &["ID", "REASON", "FAULT", "ENQUEUED", "DELIVERIES", "REPLAY", "ONBOARDING", "DESCRIPTION"],
            &rows,
        ));
    } else {
        print_groups(&namespace, total, &groups, app.as_deref());
    }
    Ok(End::Well)
}

/// What the function app is to be asked about: a few questions, however many letters there are.
async fn questions(
    connected: &Connected,
    operations: &Operations,
    filter: &Filter,
) -> anyhow::Result<BTreeSet<Question>> {
    let mut questions = BTreeSet::new();
    let tenant_of = |onboarding: &str| operations.tenant_of(onboarding);
    for entity in &connected.entities {
        let browsed = browse(&connected.client, entity, 0, |letter| {
            if filter.matches(&letter, &tenant_of) {
                questions.insert(Question::of(&letter));
            }
            true
        });
        match browsed.await {
            Err(error) if connected.passes_over(entity, &error) => {}
            browsed => browsed?,
        }
    }
    Ok(questions)
}

fn print_groups(namespace: &str, total: usize, groups: &[Group], app: Option<&str>) {
    let rows: Vec<Vec<String>> = groups.iter().map(group_row).collect();
    let head =
        ["FUNCTION", "REASON", "FAULT", "COUNT", "REPLAYABLE", "FIRST", "LAST", "EXAMPLE", "DESCRIPTION"];
    print(&table(&head, &rows));
    print(&format!("\n{total} dead letters in {namespace}."));
    if groups.iter().any(|group| group.unknown > 0) {
        let why = app.unwrap_or("their keys were not checked (--check)");
        print(&format!("Of those marked ? it is not known whether they can be replayed now: {why}."));
    }
}

fn group_row(group: &Group) -> Vec<String> {
    let unknown = if group.unknown > 0 { format!(" + {}?", group.unknown) } else { String::new() };
    vec![
        group.function.clone(),
        cut(&group.reason, 30),
        group.fingerprint.clone(),
        group.count.to_string(),
        format!("{}{unknown}", group.replayable),
        moment(group.first),
        moment(group.last),
        group.example_id.to_string(),
        cut(&group.example, 60),
    ]
}

fn row(letter: &Letter, replayable: &Replayable) -> Vec<String> {
    vec![
        letter.id.to_string(),
        cut(letter.reason(), 30),
        letter.fingerprint(),
        moment(letter.message.enqueued_time),
        letter.message.delivery_count.to_string(),
        word(replayable).to_owned(),
        cut(letter.onboarding().unwrap_or("-"), 36),
        cut(letter.description(), 60),
    ]
}

fn word(replayable: &Replayable) -> &'static str {
    match replayable {
        Replayable::Yes => "yes",
        Replayable::No(_) => "no",
        Replayable::Unknown(_) => "?",
    }
}

/// A letter in short, for machines.
pub(super) fn summary(letter: &Letter, replayable: &Replayable) -> Json {
    let mut summary = json!({
        "id": letter.id,
        "message_id": letter.message.message_id,
        "function": letter.id.entity,
        "sequence_number": letter.id.sequence,
        "reason": letter.reason(),
        "description": letter.description(),
        "fingerprint": letter.fingerprint(),
        "enqueued_time": moment(letter.message.enqueued_time),
        "delivery_count": letter.message.delivery_count,
        "onboarding": letter.onboarding(),
        "tenant": letter.tenant(),
        "trace_id": letter.trace_id(),
        "replay_of": letter.replay_of(),
    });
    if let (Json::Object(summary), Ok(Json::Object(replayable))) =
        (&mut summary, serde_json::to_value(replayable))
    {
        summary.extend(replayable);
    }
    summary
}
