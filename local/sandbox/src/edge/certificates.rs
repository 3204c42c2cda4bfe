//! A certificate authority that lives as long as one run.
//!
//! Its private key never leaves memory, and name constraints keep it from vouching for anything but Azure's names and some of this machine's:
//! whoever trusts its certificate by mistake trusts no more than this sandbox.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use super::{ALL_NAMES, local_names};
use crate::state_file::make_private_folder;

/// How long the certificates hold. A sandbox that runs longer has to be started again.
const LIFETIME: Duration = Duration::days(7);

/// The one address that the authority vouches for: without a limit it could vouch for every address there is.
const THIS_MACHINE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The certificate's file or its folder could not be written.
    #[error("could not write the certificate of the sandbox's authority to {path}")]
    File {
        /// The file or folder in question.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("could not make the sandbox's certificates")]
    Make(#[source] rcgen::Error),
    /// The TLS library refused what was made.
    #[error("could not set TLS up with the sandbox's certificates")]
    Tls(#[source] rustls::Error),
}

impl From<rcgen::Error> for CertificateError {
    fn from(source: rcgen::Error) -> Self {
        Self::Make(source)
    }
}

impl From<rustls::Error> for CertificateError {
    fn from(source: rustls::Error) -> Self {
        Self::Tls(source)
    }
}

/// What a run of the sandbox serves with.
pub(crate) struct Made {
    /// The authority's certificate, as a file.
    pub(crate) ca_file: PathBuf,
    pub(crate) tls: ServerConfig,
    pub(crate) authority: Authority,
}

/// The authority of one run. Its key is nowhere but here.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate for what runs beside the sandbox, in PEM.
pub struct IssuedCertificate {
    /// The certificate, and after it the authority's.
    pub chain: String,
    /// Its private key: a secret.
    pub key: String,
}

impl Authority {
    /// A certificate for 127.0.0.1, with a key of its own.
    pub(crate) fn issue(&self, now: OffsetDateTime) -> Result<IssuedCertificate, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = server(now)?;
        params.subject_alt_names = vec![SanType::IpAddress(THIS_MACHINE.into())];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = format!("{}{}", certificate.pem(), self.certificate);
        Ok(IssuedCertificate { chain, key: key.serialize_pem() })
    }
}

/// Makes an authority and a server certificate, and writes the authority's certificate to `ca.pem` in the folder.
pub(crate) fn make(run_folder: &Path, now: OffsetDateTime) -> Result<Made, CertificateError> {
    let authority_key = KeyPair::generate()?;
    let authority = authority(now);
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let server_key = KeyPair::generate()?;
    let server_certificate = server(now)?.signed_by(&server_key, &issuer)?;

    let ca_file = run_folder.join("ca.pem");
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CertificateError::File { path, source }
    };
    make_private_folder(run_folder).map_err(failed(run_folder))?;
    fs::write(&ca_file, authority_certificate.pem()).map_err(failed(&ca_file))?;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let chain = vec![server_certificate.der().clone(), authority_certificate.der().clone()];
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let authority = Authority { issuer, certificate: authority_certificate.pem() };
    Ok(Made { ca_file, tls, authority })
}

fn authority(now: OffsetDateTime) -> CertificateParams {
    let mut params = valid_from(now);
    params.distinguished_name.push(DnType::CommonName, "Sandbox authority, not to be installed anywhere");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let subtree = |name: &&str| GeneralSubtree::DnsName(name.trim_start_matches("*.").to_owned());
    let this_machine = GeneralSubtree::IpAddress(CidrSubnet::V4(THIS_MACHINE.octets(), [255; 4]));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names().iter().map(subtree).chain([this_machine]).collect(),
        excluded_subtrees: Vec::new(),
    });
    params
}

fn server(now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = valid_from(now);
    params.subject_alt_names =
        CertificateParams::new(names().iter().copied().map(str::to_owned).collect::<Vec<_>>())?
            .subject_alt_names;
    params.distinguished_name.push(DnType::CommonName, "Sandbox");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// Azure's names and those of this machine.
fn names() -> Vec<&'static str> {
    [ALL_NAMES, local_names::IN_CERTIFICATE].concat()
}

/// An hour of slack before now, for clients whose clock is behind.
fn valid_from(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + LIFETIME;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_hold_for_seven_days_and_the_authority_vouches_for_no_other_names() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let authority = authority(now);
        for params in [&authority, &server(now).unwrap()] {
            assert_eq!(params.not_before, now - Duration::hours(1));
            assert_eq!(params.not_after, now + Duration::days(7));
        }
        let mut permitted = authority.name_constraints.unwrap().permitted_subtrees;
        let this_machine = CidrSubnet::V4([127, 0, 0, 1], [255; 4]);
        assert_eq!(permitted.pop(), Some(GeneralSubtree::IpAddress(this_machine)));
        let expected = names().into_iter().map(|name| name.trim_start_matches("*.").to_owned());
        assert_eq!(permitted, expected.map(GeneralSubtree::DnsName).collect::<Vec<_>>());
        assert!(names().iter().all(|name| !["com", "net", "localhost"].contains(name)));
    }
}
