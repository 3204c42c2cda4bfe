//! The queues and the topic: whether each is there, and whether the app may receive and send.

use futures::future::join_all;
use onboarding::event::TOPIC;
use service_bus::{Entity, ServiceBusError};

use super::{Check, Outcome, Owner, tried};
use crate::{App, package, step::chain_of};

pub(super) async fn checks(app: &App) -> Vec<Check> {
    // The links that the app has open say nothing of a role that was taken away meanwhile.
    let client = &app.bus.client().on_another_connection();
    let queues = package::queue_names();
    let receive = async {
        let looks = queues.iter().map(|queue| async move {
            // One message is looked at and not locked: that needs the same right as receiving it.
            let looked = client.receiver(Entity::queue(queue.as_str())).peek(0, 1).await;
            (queue.clone(), looked.map(drop))
        });
        outcome(join_all(looks).await, "received from", "Azure Service Bus Data Receiver")
    };
    let send = async {
        let entities = queues.iter().map(|queue| (queue.clone(), Entity::queue(queue.as_str())));
        let topic = std::iter::once((TOPIC.to_owned(), Entity::queue(TOPIC)));
        let opened = entities
            .chain(topic)
            .map(|(name, entity)| async move { (name, client.sender(entity).open().await) });
        outcome(join_all(opened).await, "sent to", "Azure Service Bus Data Sender")
    };
    let checks = vec![tried("queues-receive", receive).await, tried("queues-send", send).await];
    client.close().await;
    checks
}

fn outcome(tried: Vec<(String, Result<(), ServiceBusError>)>, how: &str, role: &str) -> Outcome {
    let all = tried.len();
    let failed = tried.into_iter().filter_map(|(name, tried)| tried.err().map(|error| (name, error)));
    let (mut missing, mut forbidden, mut unknown) = (vec![], vec![], vec![]);
    for (name, error) in failed {
        match &error {
            ServiceBusError::EntityNotFound { .. } | ServiceBusError::EntityDisabled { .. } => {
                missing.push(name)
            }
            ServiceBusError::Unauthorized { .. } | ServiceBusError::Credential(_) => forbidden.push(name),
            _ => unknown.push(format!("{name}: {}", chain_of(&error))),
        }
    }
    if !missing.is_empty() {
        let saw = format!("these do not exist or are disabled: {}", missing.join(", "));
        return Outcome::wrong(
            saw,
            Owner::Deployer,
            "Deploy infra/ again: it makes a queue for each function.",
        );
    }
    if !forbidden.is_empty() {
        let saw = format!("{} of {all} cannot be {how}: {}", forbidden.len(), forbidden.join(", "));
        let mend = format!("Assign the role {role} on the namespace to the managed identity.");
        return Outcome::wrong(saw, Owner::AzureAdministrator, mend);
    }
    if !unknown.is_empty() {
        return Outcome::not_checked(unknown.join("; "));
    }
    Outcome::good(format!("all {all} can be {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errors: [Result<(), ServiceBusError>; 2]) -> Outcome {
        let [first, second] = errors;
        outcome(vec![("one".to_owned(), first), ("two".to_owned(), second)], "sent to", "Sender")
    }

    #[test]
    fn what_is_wrong_names_the_queues_and_what_got_no_answer_is_not_called_wrong() {
        let description = String::new;
        let missing = || Err(ServiceBusError::EntityNotFound { description: description() });
        let forbidden = || Err(ServiceBusError::Unauthorized { description: description() });
        let lost = || Err(ServiceBusError::ConnectionLost { description: description() });
        assert_eq!(of([Ok(()), Ok(())]), Outcome::good("all 2 can be sent to"));
        let Outcome::Wrong { saw, owner: Owner::Deployer, .. } = of([missing(), forbidden()]) else {
            panic!()
        };
        assert!(saw.ends_with("disabled: one"), "{saw}");
        let Outcome::Wrong { saw, mend, .. } = of([Ok(()), forbidden()]) else { panic!() };
        assert!(saw == "1 of 2 cannot be sent to: two" && mend.contains("role Sender"), "{saw} {mend}");
        assert!(matches!(of([lost(), Ok(())]), Outcome::NotChecked { .. }));
    }
}
