//! Accepted and refused function.json files.

use super::*;

fn read(bindings: &str, settings: &[(&str, &str)]) -> Result<Function, FunctionProblem> {
    let json = Json::parse(&format!(r#"{{"bindings":{bindings}}}"#)).unwrap();
    from_json("orders", json, &Settings::only(settings))
}

const QUEUE: &str = r#"{"type":"serviceBusTrigger","direction":"in","name":"message","queueName":"q"}"#;

#[test]
fn a_queue_function_has_the_defaults_of_the_extension() {
    let function = read(&format!("[{QUEUE}]"), &[]).unwrap();
    let Trigger::ServiceBus(trigger) = &function.trigger else { panic!("{function:?}") };
    assert_eq!(trigger.entity_path, "q");
    assert_eq!(trigger.connection, "ServiceBus");
    assert!(trigger.auto_complete && !trigger.batch && !trigger.sessions && !function.disabled);
}

#[test]
fn names_in_percent_signs_come_from_the_settings() {
    let bindings = r#"[{"TYPE":"ServiceBusTrigger","Name":"m","QueueName":"%Queue%/$DeadLetterQueue",
        "connection":"ServiceBus","dataType":"binary","autoCompleteMessages":false}]"#;
    let function = read(bindings, &[("QUEUE", "orders")]).unwrap();
    let Trigger::ServiceBus(trigger) = &function.trigger else { panic!("{function:?}") };
    assert_eq!(trigger.entity_path, "orders/$DeadLetterQueue");
    assert!(trigger.data_type == DataType::Binary && !trigger.auto_complete);
}

#[test]
fn batches_subscriptions_and_event_grid_are_read() {
    let bindings = r#"[{"type":"serviceBusTrigger","name":"m","topicName":"events","subscriptionName":"%SUB%",
        "cardinality":"many","isSessionsEnabled":true,"maxMessageBatchSize":10},
        {"type":"serviceBus","direction":"out","name":"next","topicName":"results"}]"#;
    let function = read(bindings, &[("SUB", "audit")]).unwrap();
    let Trigger::ServiceBus(trigger) = &function.trigger else { panic!("{function:?}") };
    assert_eq!(trigger.entity_path, "events/Subscriptions/audit");
    assert!(trigger.batch && trigger.sessions && trigger.data_type == DataType::Absent);
    assert_eq!(trigger.max_message_batch_size, Some(10));
    let OutputTarget::ServiceBus { entity, .. } = &function.outputs[0].target else { panic!("{function:?}") };
    assert_eq!(entity, "results");
    let function = read(r#"[{"type":"eventGridTrigger","name":"event"}]"#, &[]).unwrap();
    assert!(matches!(function.trigger, Trigger::EventGrid(EventGridTrigger { batch: false, .. })));
}

#[test]
fn only_one_http_trigger_with_one_http_output_can_be_forwarded() {
    let trigger = r#"{"type":"httpTrigger","name":"req","methods":["get","POST"]}"#;
    let output = r#"{"type":"http","direction":"out","name":"res"}"#;
    let queue = r#"{"type":"serviceBus","direction":"out","name":"next","queueName":"q"}"#;
    assert!(read(&format!("[{trigger},{output}]"), &[]).unwrap().is_http_in_and_out());
    assert!(!read(&format!("[{trigger}]"), &[]).unwrap().is_http_in_and_out());
    assert!(!read(&format!("[{trigger},{output},{queue}]"), &[]).unwrap().is_http_in_and_out());
    let Trigger::Http(http) = read(&format!("[{trigger}]"), &[]).unwrap().trigger else { panic!("HTTP") };
    assert_eq!(http.methods.as_deref(), Some(&["GET".to_owned(), "POST".to_owned()][..]));
}

#[test]
fn what_the_real_host_refuses_is_refused_in_its_words() {
    let check = |bindings: &str, expected: &str| {
        let error = read(bindings, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{bindings}: {error}");
    };
    check("[]", "At least one binding must be declared.");
    check(r#"[{"type":"httpTrigger","name":"a-b"}]"#, "The binding name a-b is invalid.");
    check(r#"[{"name":"a"}]"#, "Binding 'a' is invalid. Bindings must specify a Type.");
    check(r#"[{"type":"http","name":"$return"}]"#, "$return bindings must specify a direction of 'out'.");
    check(&format!("[{QUEUE},{QUEUE}]"), "Multiple bindings with name 'message' discovered.");
    check(
        &format!(r#"[{QUEUE},{{"type":"timerTrigger","name":"t","schedule":"0 * * * * *"}}]"#),
        "Multiple trigger bindings defined.",
    );
    check(r#"[{"type":"http","direction":"out","name":"res"}]"#, "No trigger binding specified.");
    check(r#"[{"type":"blobTrigger","name":"b"}]"#, "The binding type(s) 'blobTrigger' are not registered.");
    check(r#"[{"type":"serviceBusTrigger","name":"m"}]"#, "has no 'queueName'");
    check(r#"[{"type":"serviceBusTrigger","name":"m","queueName":"%no%"}]"#, "'%no%' does not resolve");
    check(r#"[{"type":"serviceBusTrigger","name":"m","queueName":"q","dataType":"bits"}]"#, "'dataType'");
    check(r#"[{"type":"serviceBusTrigger","name":"m","topicName":"t"}]"#, "has no 'subscriptionName'");
    check(
        r#"[{"type":"serviceBusTrigger","name":"m","queueName":"q","cardinality":"some"}]"#,
        "'cardinality'",
    );
    check(
        r#"[{"type":"serviceBusTrigger","name":"m","queueName":"q","maxMessageBatchSize":0}]"#,
        "'maxMessageBatchSize': '0'",
    );
    check(
        &format!(
            r#"[{QUEUE},{{"type":"serviceBus","direction":"out","name":"o","queueName":"{{region}}-orders"}}]"#
        ),
        "a binding expression in the name of a queue or topic is not supported by this host",
    );
    check(r#"[{"type":"timerTrigger","name":"t","schedule":"often"}]"#, "often");
}

#[test]
fn names_that_cannot_be_functions_are_refused() {
    for name in ["host", "1st", "a b", ""] {
        let json = Json::parse(&format!(r#"{{"bindings":[{QUEUE}]}}"#)).unwrap();
        let error = from_json(name, json, &Settings::only(&[])).unwrap_err().to_string();
        assert!(error.contains("not a valid function name"), "{error}");
    }
}

#[test]
fn a_function_can_be_disabled_by_a_setting_and_not_by_its_file() {
    let json = |text: &str| Json::parse(&format!(r#"{{"bindings":[{QUEUE}],"disabled":{text}}}"#)).unwrap();
    let off = Settings::only(&[("AzureWebJobs.orders.Disabled", "true"), ("OFF", "1")]);
    assert!(from_json("orders", json("false"), &off).unwrap().disabled);
    assert!(!from_json("orders", json("true"), &Settings::only(&[])).unwrap().disabled);
    assert!(!from_json("other", json("\"%OFF%\""), &off).unwrap().disabled);
}

#[test]
fn http_triggers_are_checked_as_the_real_host_does() {
    let read = |members: &str| {
        let json = format!(r#"{{"bindings":[{{"type":"httpTrigger","name":"req",{members}}}]}}"#);
        from_json("f", Json::parse(&json).unwrap(), &Settings::only(&[("R", "x")]))
    };
    let check = |members: &str, expected: &str| {
        let error = read(members).unwrap_err().to_string();
        assert!(error.contains(expected), "{members}: {error}");
    };
    check(r#""methods":"get""#, "'methods': 'get'");
    check(r#""authLevel":"bogus""#, "'authLevel': 'bogus'");
    check(r#""route":"admin/x""#, "built in routes");
    check(r#""route":"/Runtime""#, "built in routes");
    let Trigger::Http(http) = read(r#""route":"%R%","authLevel":"ANONYMOUS""#).unwrap().trigger else {
        panic!("http")
    };
    assert_eq!((http.route.as_str(), http.methods), ("%R%", None));
    let upper = Json::parse(r#"{"Bindings":[{"type":"httpTrigger","name":"r"}]}"#).unwrap();
    assert!(from_json("f", upper, &Settings::only(&[])).is_err());
}
