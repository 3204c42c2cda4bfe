//! The commercial marketplace.

use super::Evidence::{Documented, OurGuess, Reported};
use super::Row;

const API: &str = "Microsoft Learn, SaaS fulfillment subscription APIs";
const OPERATIONS: &str = "Microsoft Learn, SaaS fulfillment operations APIs";
const WEBHOOK: &str = "Microsoft Learn, implementing a webhook on the SaaS service";
const LIFE: &str = "Microsoft Learn, managing the SaaS subscription life cycle";

pub(super) const MARKETPLACE: &[Row] = &[
    (
        "A landing page token is opaque, percent-encoded in the address, and can be resolved for 24 hours",
        Documented,
        API,
        "marketplace/buying.rs",
        "the_landing_page_address_carries_the_token_encoded_and_a_day_long",
    ),
    (
        "Only the listed application of the publisher's tenant may call; anybody else is 403, without a token too",
        Documented,
        API,
        "marketplace/gate.rs",
        "only_the_listed_application_may_call",
    ),
    (
        "The shape of error bodies",
        OurGuess,
        "not documented",
        "marketplace/gate.rs",
        "only_the_listed_application_may_call",
    ),
    (
        "Activation is 200 once; 400 with another plan or quantity or when active, 404 when ended",
        Documented,
        API,
        "marketplace/api.rs",
        "a_purchase_is_resolved_then_activated_once",
    ),
    (
        "The status may show late after an activation",
        Documented,
        API,
        "marketplace/subscription.rs",
        "an_activation_may_take_a_while_to_show",
    ),
    (
        "Statuses are padded with blanks, quantities are text here and numbers there, terms have no dates before activation",
        Documented,
        "the published samples",
        "marketplace/subscription.rs",
        "the_carelessness_of_the_real_service_is_kept",
    ),
    (
        "Lists have pages of 100 and keep what has ended",
        Documented,
        API,
        "marketplace/api.rs",
        "ids_of_a_request_come_back_and_lists_have_pages",
    ),
    (
        "Plans of an unknown subscription are an empty answer",
        Documented,
        API,
        "marketplace/api.rs",
        "a_purchase_is_resolved_then_activated_once",
    ),
    (
        "The publisher changes plan or quantity with 202 and Operation-Location, and hears of it as Partner",
        Documented,
        API,
        "marketplace/publisher.rs",
        "the_publisher_changes_and_cancels_by_the_api_and_hears_of_it",
    ),
    (
        "Cancelling what has ended is 200",
        Reported,
        "public implementations that quote the present page",
        "marketplace/publisher.rs",
        "the_publisher_changes_and_cancels_by_the_api_and_hears_of_it",
    ),
    (
        "The publisher's own change calls its webhook at once, and waits for its answer like any other",
        OurGuess,
        "not documented",
        "marketplace/publisher.rs",
        "the_publisher_changes_and_cancels_by_the_api_and_hears_of_it",
    ),
    (
        "A change of plan or quantity is accepted after ten seconds without an answer",
        Documented,
        WEBHOOK,
        "marketplace/operation.rs",
        "a_change_that_nobody_answers_is_accepted_after_ten_seconds_and_a_reinstatement_never",
    ),
    (
        "Time does not accept a reinstatement",
        OurGuess,
        "nobody has documented whether it would",
        "marketplace/operation.rs",
        "a_change_that_nobody_answers_is_accepted_after_ten_seconds_and_a_reinstatement_never",
    ),
    (
        "4xx to the webhook of a change within ten seconds refuses it",
        Documented,
        WEBHOOK,
        "marketplace/webhook.rs",
        "a_4xx_refuses_a_change_and_undoes_nothing_that_has_happened",
    ),
    (
        "An operation that was settled is 409 to a late answer",
        Documented,
        OPERATIONS,
        "marketplace/api.rs",
        "changes_are_answered_by_the_publisher_or_by_time",
    ),
    (
        "The webhook shows the wanted plan outside and the present one inside",
        Documented,
        WEBHOOK,
        "marketplace/operation.rs",
        "a_webhook_shows_the_wanted_plan_outside_and_the_present_one_inside",
    ),
    (
        "Its token is the publisher tenant's, for its application, with the marketplace in appid (version 1) or azp (version 2)",
        Documented,
        WEBHOOK,
        "marketplace/webhook.rs",
        "webhooks_carry_a_checkable_token_and_can_be_repeated",
    ),
    (
        "The object id of the marketplace's service principal",
        OurGuess,
        "any stable id serves",
        "marketplace/webhook.rs",
        "",
    ),
    (
        "A webhook that is not accepted is tried again, up to 500 times in eight hours",
        Documented,
        WEBHOOK,
        "control/marketplace.rs",
        "webhooks_are_retried_repeated_and_reordered_as_told",
    ),
    (
        "Webhooks may repeat and come out of order",
        Documented,
        WEBHOOK,
        "control/marketplace.rs",
        "webhooks_are_retried_repeated_and_reordered_as_told",
    ),
    (
        "Suspended for 30 days ends the subscription",
        Documented,
        LIFE,
        "marketplace/subscription.rs",
        "what_waits_for_thirty_days_comes_to_its_end",
    ),
    (
        "Not activated for 30 days ends it too",
        Reported,
        "Microsoft's samples; no page of the documentation",
        "marketplace/subscription.rs",
        "what_waits_for_thirty_days_comes_to_its_end",
    ),
    (
        "No webhook announces either end by itself",
        OurGuess,
        "the one at the end of a suspension has to be asked for here",
        "marketplace/subscription.rs",
        "",
    ),
];
