//! The functions, one folder each. What they share is in the folders beside this one: no function imports another, they
//! only send messages. [`table`](crate::table) says what sets each of them off.

pub(crate) mod access_check_requested;
pub(crate) mod activation_requested;
pub(crate) mod anchor_journal;
pub(crate) mod check_due;
pub(crate) mod check_subscriptions;
pub(crate) mod consent_callback;
pub(crate) mod customer_consented;
pub(crate) mod disk_encryption_requested;
pub(crate) mod disk_return_requested;
pub(crate) mod find_disks;
pub(crate) mod key_event_webhook;
pub(crate) mod key_events;
pub(crate) mod key_replacement_requested;
pub(crate) mod key_shared;
pub(crate) mod leaving_due;
pub(crate) mod machine_switch_requested;
pub(crate) mod marketplace_changed;
pub(crate) mod marketplace_webhook;
pub(crate) mod onboarding_page;
pub(crate) mod operations;
pub(crate) mod provision_requested;
pub(crate) mod provision_started;
pub(crate) mod replay_due;
pub(crate) mod rung_due;
pub(crate) mod set_removal_requested;
pub(crate) mod share_key;
pub(crate) mod signup;
pub(crate) mod signup_requested;
pub(crate) mod subscription_check_due;
pub(crate) mod sweep;
pub(crate) mod watch;
pub(crate) mod watch_due;
pub(crate) mod window_due;
