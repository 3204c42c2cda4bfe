//! `dead-letters show`

use std::collections::BTreeSet;

use dead_letters::{Letter, LetterId, Replayable, browse, find};
use serde_json::{Value as Json, json};

use super::{
    args::ShowArgs,
    connect::{Connected, connect},
    failure::Refused,
    list::summary,
    operations::{Operations, Question},
};
use crate::{
    End,
    output::{harmless, moment, print, print_json},
};

pub(super) async fn run(args: ShowArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let letter = find_one(&connected, &args.id).await?;
    let mut operations = Operations::ask(&args.app).await;
    operations.assess(BTreeSet::from([Question::of(&letter)]), false).await;
    let replayable = operations.replayable(&letter);
    if args.json {
        print_json(&document(&letter, &replayable, &operations))?;
    } else {
        print(&text(&letter, &replayable, &operations));
    }
    Ok(End::Well)
}

/// By entity and number, or by message id among all that are meant.
async fn find_one(connected: &Connected, id: &str) -> anyhow::Result<Letter> {
    if let Ok(id) = id.parse::<LetterId>() {
        let found = find(&connected.client, &id).await?;
        return found.ok_or_else(|| Refused(format!("there is no dead letter {id}")).into());
    }
    let mut found = Vec::new();
    for entity in &connected.entities {
        let browsed = browse(&connected.client, entity, 0, |letter| {
            if letter.message.message_id.as_deref() == Some(id) {
                found.push(letter);
            }
            true
        });
        match browsed.await {
            Err(error) if connected.passes_over(entity, &error) => {}
            browsed => browsed?,
        }
    }
    match found.len() {
        0 => Err(Refused(format!("no dead letter has the message id {}", harmless(id))).into()),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<String> = found.iter().map(|letter| letter.id.to_string()).collect();
            Err(Refused(format!("several have this message id; choose one of {}", names.join(", "))).into())
        }
    }
}

fn document(letter: &Letter, replayable: &Replayable, operations: &Operations) -> Json {
    let mut document = summary(letter, replayable);
    let message = &letter.message;
    document["body"] = serde_json::from_slice(&message.body)
        .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(&message.body).into_owned()));
    document["properties"] = json!(message.application_properties);
    document["content_type"] = json!(message.content_type);
    document["subject"] = json!(message.subject);
    document["correlation_id"] = json!(message.correlation_id);
    document["session_id"] = json!(message.session_id);
    document["traceparent"] = json!(letter.traceparent());
    document["onboarding_now"] = match letter.onboarding().map(|id| operations.onboarding(id)) {
        None | Some(Ok(None)) => Json::Null,
        Some(Ok(Some(onboarding))) => json!({"state": onboarding.state, "blocker": onboarding.blocker}),
        Some(Err(why)) => json!({"unknown": why}),
    };
    document
}

fn text(letter: &Letter, replayable: &Replayable, operations: &Operations) -> String {
    let message = &letter.message;
    let or_none = |text: Option<&str>| harmless(text.unwrap_or("-"));
    let mut lines = vec![
        format!("dead letter   {}", letter.id),
        format!("message id    {}", or_none(message.message_id.as_deref())),
        format!("reason        {}", harmless(letter.reason())),
        format!("description   {}", harmless(letter.description())),
        format!("fault         {}", letter.fingerprint()),
        format!("enqueued      {}", moment(message.enqueued_time)),
        format!("deliveries    {}", message.delivery_count),
        format!("subject       {}", or_none(message.subject.as_deref())),
        format!("trace id      {}", or_none(letter.trace_id())),
        format!("replay of     {}", letter.replay_of().map_or("-".to_owned(), |id| id.to_string())),
        format!("replayable    {}", replay_words(replayable)),
    ];
    lines.extend(onboarding_lines(letter, operations));
    lines.push("properties".to_owned());
    for (name, value) in &message.application_properties {
        let value = serde_json::to_string(value).unwrap_or_default();
        lines.push(format!("  {} = {}", harmless(name), harmless(&value)));
    }
    lines.push("body".to_owned());
    lines.extend(pretty(&message.body).lines().map(|line| format!("  {}", harmless(line))));
    lines.join("\n")
}

fn replay_words(replayable: &Replayable) -> String {
    match replayable {
        Replayable::Yes => "yes, as far as known".to_owned(),
        Replayable::No(why) => format!("no: {}", harmless(why)),
        Replayable::Unknown(why) => format!("not known: {}", harmless(why)),
    }
}

fn onboarding_lines(letter: &Letter, operations: &Operations) -> Vec<String> {
    let Some(id) = letter.onboarding() else { return vec!["onboarding    -".to_owned()] };
    let mut lines = vec![format!("onboarding    {}", harmless(id))];
    match operations.onboarding(id) {
        Err(why) => lines.push(format!("  its state is not known: {}", harmless(why))),
        Ok(None) => lines.push("  the function app has no such onboarding".to_owned()),
        Ok(Some(onboarding)) => {
            lines.push(format!("  state       {}", harmless(onboarding.state.as_str().unwrap_or("-"))));
            match &onboarding.blocker {
                None => lines.push("  blocker     none".to_owned()),
                Some(blocker) => {
                    let text = |name: &str| harmless(blocker[name].as_str().unwrap_or("-"));
                    lines.push(format!(
                        "  blocker     {} on the {} since {}",
                        text("code"),
                        text("owner"),
                        text("since")
                    ));
                    lines.push(format!("              {}", text("summary")));
                    let mend = blocker["mend"].as_array().into_iter().flatten().filter_map(Json::as_str);
                    lines.extend(mend.map(|step| format!("              - {}", harmless(step))));
                }
            }
        }
    }
    lines
}

/// JSON with its indents, anything else as text.
fn pretty(body: &[u8]) -> String {
    let json = serde_json::from_slice::<Json>(body).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}
