//! How long and how often this client tries.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::clock::{Clock, SystemClock};

/// Settings of a [`ServiceBusClient`](crate::ServiceBusClient).
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The longest that opening a connection may take: TCP, TLS, SASL and AMQP together. 10 seconds by default.
    pub connect_time_limit: Duration,
    /// The longest that one attempt at an operation may take on an open connection. 10 seconds by default.
    pub attempt_time_limit: Duration,
    /// The longest that an operation may take, with all its attempts and the pauses between them. 30 seconds by
    /// default. [`receive`](crate::ServiceBusReceiver::receive) adds the wait that it was asked for.
    pub operation_time_limit: Duration,
    /// How often an operation is tried before its last error is returned; at least once. 4 by default.
    pub attempts: u32,
    /// The pause before the second attempt, doubled for each further one up to 5 seconds. 100 milliseconds by default.
    pub first_pause: Duration,
    /// Certificate authorities to trust instead of the public ones, as DER. None by default: the public ones.
    pub trusted_authorities: Option<Vec<Vec<u8>>>,
    /// The port of TLS connections when the connection string names none: 5671.
    pub tls_port: u16,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_time_limit: Duration::from_secs(10),
            attempt_time_limit: Duration::from_secs(10),
            operation_time_limit: Duration::from_secs(30),
            attempts: 4,
            first_pause: Duration::from_millis(100),
            trusted_authorities: None,
            tls_port: 5671,
            clock: Arc::new(SystemClock),
        }
    }
}

impl ClientOptions {
    /// The default, with the authorities that `SSL_CERT_FILE` names, if it names any: everything else that runs beside
    /// this client trusts those.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no certificate.
    pub fn from_environment() -> io::Result<Self> {
        match std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
            None => Ok(Self::default()),
            Some(file) => Self::default().trusting_file(Path::new(&file)).map_err(|error| {
                io::Error::new(error.kind(), format!("SSL_CERT_FILE ({}): {error}", file.display()))
            }),
        }
    }

    /// Trusts the authorities whose certificates a PEM file holds, instead of the public ones: what `SSL_CERT_FILE`
    /// means to OpenSSL, and with it to Microsoft's SDKs on Linux.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no certificate.
    pub fn trusting_file(self, file: &Path) -> io::Result<Self> {
        let text = std::fs::read(file)?;
        let read = CertificateDer::pem_slice_iter(&text).map(|one| one.map(|one| one.to_vec()));
        let authorities = read.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        if authorities.is_empty() {
            return Err(io::Error::other("it holds no certificate"));
        }
        Ok(Self { trusted_authorities: Some(authorities), ..self })
    }

    /// The pause after attempt number `attempt` (counted from one) failed.
    pub(crate) fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        doubled.min(Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_and_so_is_none() {
        let file = std::env::temp_dir().join(format!("latchkey-trust-{}", std::process::id()));
        for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&file, text).unwrap();
            assert!(ClientOptions::default().trusting_file(&file).is_err(), "{text}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(ClientOptions::default().trusting_file(&file).is_err(), "there is no file");
    }

    #[test]
    fn pauses_double_up_to_five_seconds() {
        let options = ClientOptions::default();
        let pauses: Vec<u128> =
            [1, 2, 3, 7, 40].map(|attempt| options.pause_after(attempt).as_millis()).into();
        assert_eq!(pauses, [100, 200, 400, 5_000, 5_000]);
    }
}
