use azure_clients::Outage;
use onboarding::finding::{Code, Owner};

use super::*;
use crate::step::StepError;

/// What a refusal comes to, in a few words: whose turn it is and what the page calls it, or what becomes of the message.
fn told(error: EntraError) -> (&'static str, Option<Code>) {
    let tenant = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
    match of_entra(error, tenant) {
        Refusal::Finding { finding, may_be_spreading, .. } => {
            let who = match (finding.owner(), may_be_spreading) {
                (Owner::Customer, true) => "customer, or too early",
                (Owner::Customer, false) => "customer",
                (Owner::Vendor, true) => "vendor, or too early",
                (Owner::Vendor, false) => "vendor",
                (Owner::Azure, _) => "Azure",
            };
            assert!(!finding.mend().is_empty(), "{} says how it is mended", finding.summary());
            (who, Some(finding.code()))
        }
        Refusal::Error(StepError::Retry { .. }) => ("again later", None),
        Refusal::Error(_) => ("refused for good", None),
    }
}

#[test]
fn every_refusal_of_entra_is_somebodys_turn_or_goes_out_again() {
    let policy = |code, policy| EntraError::Refused(EntraRefusal::PolicyBlocks { code, policy });
    let outage = Outage::Status { status: 503, code: None, retry_after: None };
    for (error, expected) in [
        (
            EntraError::Refused(EntraRefusal::ConsentMissing { code: 7_000_229 }),
            ("customer, or too early", Some(Code::ConsentMissing)),
        ),
        (
            EntraError::Refused(EntraRefusal::ApplicationDisabled { code: 7_000_112 }),
            ("customer", Some(Code::ApplicationDisabled)),
        ),
        (policy(53_003, TenantPolicy::ConditionalAccess), ("customer", Some(Code::PolicyBlocks))),
        (policy(500_213, TenantPolicy::InboundAccess), ("customer", Some(Code::PolicyBlocks))),
        (policy(500_212, TenantPolicy::OutboundAccess), ("vendor", Some(Code::VendorSetup))),
        (policy(90_094, TenantPolicy::AdministratorConsent), ("customer", Some(Code::PolicyBlocks))),
        (policy(900_941, TenantPolicy::RiskyApplication), ("customer", Some(Code::PolicyBlocks))),
        (
            EntraError::Refused(EntraRefusal::ServiceUnknown { code: 500_011 }),
            ("customer", Some(Code::PolicyBlocks)),
        ),
        (
            EntraError::Refused(EntraRefusal::CredentialSpreading { code: 70_021 }),
            ("vendor, or too early", Some(Code::VendorSetup)),
        ),
        (
            EntraError::Refused(EntraRefusal::ManagedIdentityMissing),
            ("vendor, or too early", Some(Code::VendorSetup)),
        ),
        (
            EntraError::Refused(EntraRefusal::Misconfigured { code: 700_222 }),
            ("vendor", Some(Code::VendorSetup)),
        ),
        (EntraError::Refused(EntraRefusal::TenantNotFound { code: 90_002 }), ("refused for good", None)),
        (EntraError::Throttled { retry_after: None }, ("again later", None)),
        (EntraError::Unavailable(outage), ("again later", None)),
        (
            EntraError::Refused(EntraRefusal::Unrecognized { status: 400, code: Some(123_456) }),
            ("again later", None),
        ),
        (EntraError::Undecodable("words".into()), ("again later", None)),
    ] {
        let what = format!("{error:?}");
        assert_eq!(told(error), expected, "{what}");
    }
}

#[test]
fn a_policy_is_blamed_on_the_tenant_that_has_it_and_named_with_its_number() {
    let tenant: TenantId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
    for (code, policy, words) in [
        (53_003, TenantPolicy::ConditionalAccess, "Conditional Access, Policies, exclude the application"),
        (500_213, TenantPolicy::InboundAccess, "allow inbound access for the vendor's tenant"),
        (
            500_212,
            TenantPolicy::OutboundAccess,
            "outbound access to tenant 0a1b2c3d-1111-2222-3333-444455556666",
        ),
        (90_094, TenantPolicy::AdministratorConsent, "Open the consent link as an Application Administrator"),
        (900_941, TenantPolicy::RiskyApplication, "Make sure that the application is the vendor's"),
    ] {
        let error = EntraError::Refused(EntraRefusal::PolicyBlocks { code, policy });
        let Refusal::Finding { finding, .. } = of_entra(error, tenant) else { panic!("no finding") };
        let summary = finding.summary();
        assert!(summary.contains(&format!("(AADSTS{code})")), "{summary}");
        assert!(finding.mend()[0].contains(words), "{:?}", finding.mend());
    }
}
