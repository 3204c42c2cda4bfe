//! Deployments of templates.

use super::Evidence::{Documented, OurGuess, Reported, Specified};
use super::Row;

const SYNTAX: &str = "Microsoft Learn, understand the structure and syntax of ARM templates";
const ERRORS: &str = "Microsoft Learn, troubleshoot common Azure deployment errors";
const REST: &str = "Azure REST API descriptions, Resources, deployments";

pub(super) const DEPLOYMENTS: &[Row] = &[
    (
        "A template may hold comments, single quotes, line ends in texts and names without quotes, as Azure CLI sends them",
        Documented,
        SYNTAX,
        "arm/deployments/jsonc.rs",
        "what_template_files_may_hold_is_read",
    ),
    (
        "PUT is 201 or 200 with the address of its state, which says Running, Succeeded or Failed",
        Specified,
        REST,
        "arm/deployments/calls.rs",
        "a_template_becomes_resources_in_the_order_that_they_need",
    ),
    (
        "A resource waits for dependsOn and for those that it refers to",
        Documented,
        "Microsoft Learn, define the order for deploying resources",
        "arm/deployments/plan.rs",
        "a_template_becomes_resources_in_the_order_that_they_need",
    ),
    (
        "Whoever deploys needs the right to write every resource: 403 InvalidTemplateDeployment before anything is made",
        Reported,
        "texts that users quote",
        "arm/deployments/calls.rs",
        "who_may_deploy_may_not_write_everything",
    ),
    (
        "A resource that is refused makes it DeploymentFailed with the resource's own error in details",
        Documented,
        ERRORS,
        "arm/deployments/show.rs",
        "a_resource_that_is_refused_fails_the_deployment_with_its_own_error",
    ),
    (
        "What is wrong with a template is InvalidTemplate before anything is made",
        Documented,
        ERRORS,
        "arm/deployments/plan.rs",
        "what_is_wrong_with_a_template_is_said_before_anything_is_made",
    ),
    (
        "What Azure has and the sandbox has not (copy, nested and linked templates, mode Complete) is InvalidTemplate, by name",
        OurGuess,
        "better than passing over it",
        "arm/deployments/template/mod.rs",
        "what_is_wrong_with_a_template_is_said_before_anything_is_made",
    ),
    (
        "So is a function that is not here, with those that are",
        OurGuess,
        "the first sentence is quoted by users",
        "arm/deployments/template/functions.rs",
        "what_is_wrong_with_a_template_is_said_before_anything_is_made",
    ),
    (
        "A deployment gets on when it is looked at, and begins nothing new after a failure",
        OurGuess,
        "so that a test never waits; the service goes on with what does not depend on it",
        "arm/deployments/run.rs",
        "a_resource_that_is_refused_fails_the_deployment_with_its_own_error",
    ),
    (
        "Code and words for a name that no deployment may have",
        OurGuess,
        "the rule is in the API descriptions",
        "arm/deployments/calls.rs",
        "what_is_wrong_with_a_template_is_said_before_anything_is_made",
    ),
    (
        "The id that guid() makes of its values",
        OurGuess,
        "documented is that equal values give equal ids",
        "arm/deployments/template/functions.rs",
        "",
    ),
];
