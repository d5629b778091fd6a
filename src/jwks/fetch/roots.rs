//! HTTP clients on the crypto provider of aws-lc-rs, by the root certificates that they trust.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::config_error::FetcherError;
use super::fact::FetchFact;
use super::hyper::HyperFetch;

/// With the feature `jwks-client`.
impl HyperFetch {
    /// Returns a client that trusts the root certificates of the platform, or those that the
    /// environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name. It reads files, so call it
    /// before the server accepts connections.
    ///
    /// # Errors
    ///
    /// No certificate can be read, for example in a container without `ca-certificates`.
    pub fn with_platform_roots() -> Result<Self, FetcherError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map_or("the platform has none".to_owned(), ToString::to_string);
            return Err(FetcherError::NoRootCertificates { why });
        }
        Ok(Self::trusting(roots))
    }

    /// Returns a client that trusts Mozilla's root certificates, as of the build of this program.
    pub fn with_webpki_roots() -> Self {
        Self::trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Returns a client that trusts only these root certificates, each in DER, for example those of
    /// a private network.
    ///
    /// # Errors
    ///
    /// There is no certificate, or one is not valid.
    pub fn with_roots<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, FetcherError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            let refused = |error: rustls::Error| FetcherError::InvalidRootCertificate { why: error.to_string() };
            roots.add(CertificateDer::from(certificate)).map_err(refused)?;
        }
        if roots.is_empty() {
            return Err(FetcherError::NoRootCertificates { why: "none was given".to_owned() });
        }
        Ok(Self::trusting(roots))
    }

    /// Returns a client that trusts the certificate authorities in this PEM file in addition to the
    /// root certificates of the platform, if it has any: for clients on a private network next to
    /// public ones.
    ///
    /// # Errors
    ///
    /// The file has no certificate, or one that is not valid.
    pub fn with_platform_roots_and(pem: &[u8]) -> Result<Self, FetcherError> {
        let mut roots = RootCertStore::empty();
        let invalid = |why: String| FetcherError::InvalidRootCertificate { why };
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(FetcherError::NoRootCertificates { why: "the file has no certificate in PEM".to_owned() });
        }
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Ok(Self::trusting(roots))
    }

    #[expect(clippy::expect_used, reason = "depends on the provider alone, never on input")]
    fn trusting(roots: RootCertStore) -> Self {
        // The provider is named because the default of the process may be missing or another one.
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs supports TLS 1.2 and 1.3");
        let mut fetch = Self::with_tls_config(config.with_root_certificates(roots).with_no_client_auth());
        fetch.certificates = FetchFact::Verified;
        fetch
    }
}
