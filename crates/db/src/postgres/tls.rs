//! TLS towards PostgreSQL, as libpq's `sslmode` has it (PostgreSQL manual, section 34.19).

use std::path::Path;
use std::sync::Arc;

use basalt_core::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How connections are encrypted.
#[derive(Clone)]
pub(crate) enum Tls {
    /// Not at all.
    Off,
    /// With this connector; whether the server has to agree is the connection string's `sslmode`.
    On(Arc<MakeRustlsConnect>),
}

/// How much of the server's certificate is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing: the line is secret, the other end unproven (`prefer`, `require` without a root certificate).
    Nobody,
    /// That an authority signed it, for any host (`verify-ca`).
    Authority,
    /// That an authority signed it for this host (`verify-full`).
    Host,
}

/// What is said of TLS beside whom to trust.
pub(super) struct Terms {
    /// The versions that may be spoken.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether its beginning names the host, so that whoever stands before many servers can tell them apart.
    pub names_host: bool,
}

impl Tls {
    /// A connector. `root` is a file of certificates to trust instead of the system's; `own` are the files of a certificate to show, and of
    /// its private key.
    ///
    /// Errors: 58030 for a file that can't be read.
    pub(super) fn new(trust: Trust, root: Option<&Path>, own: Option<(&Path, &Path)>, terms: &Terms) -> Result<Tls> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&terms.versions)
            .map_err(|error| Error::internal(format!("TLS can't be set up: {error}")))?;
        let config = match trust {
            Trust::Nobody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Judge { provider, authority: None }))
            }
            Trust::Authority | Trust::Host => {
                let authority = Some(Authority::new(&provider, root, trust == Trust::Host)?);
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Judge { provider, authority }))
            }
        };
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("sslcert", certificate)?;
                let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("sslkey", key, &error))?;
                config.with_client_auth_cert(chain, private).map_err(|error| unreadable("sslkey", key, &error))?
            }
        };
        config.enable_sni = terms.names_host;
        Ok(Tls::On(Arc::new(MakeRustlsConnect::new(config))))
    }
}

fn unreadable(option: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new("58030", format!("`{option}` {} can't be used: {error}", path.display()))
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| unreadable(option, path, &error))
}

/// Judges a server's certificate as libpq's modes do.
#[derive(Debug)]
struct Judge {
    provider: Arc<CryptoProvider>,
    /// Who must have signed it; nobody has to.
    authority: Option<Authority>,
}

/// Whom a server's certificate has to be of.
#[derive(Debug)]
struct Authority {
    verifier: Arc<WebPkiServerVerifier>,
    /// The certificates of the file that names whom to trust.
    named: Vec<CertificateDer<'static>>,
    /// Whether it has to name the host.
    names_host: bool,
}

impl Authority {
    /// Trusts the certificates of a file, or the system's.
    fn new(provider: &Arc<CryptoProvider>, file: Option<&Path>, names_host: bool) -> Result<Authority> {
        let mut roots = RootCertStore::empty();
        let named = file.map_or(Ok(Vec::new()), |path| certificates("sslrootcert", path))?;
        match file {
            Some(path) => {
                for certificate in named.iter().cloned() {
                    roots.add(certificate).map_err(|error| unreadable("sslrootcert", path, &error))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let built = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
        let verifier = built.map_err(|error| Error::internal(format!("TLS can't be set up: {error}")))?;
        Ok(Authority { verifier, named, names_host })
    }

    /// Whether a certificate that was refused for this is one of the file's itself: a server's own, made as PostgreSQL's manual makes it
    /// (section 19.9.5), says that it is an authority's. That it is in time was judged before.
    fn is_named_itself(&self, certificate: &CertificateDer<'_>, why: &OtherError) -> bool {
        let is_authority = matches!(why.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity));
        is_authority && self.named.iter().any(|named| **named == **certificate)
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext, Other};
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verifier.verify_server_cert(certificate, intermediates, host, ocsp, now) {
            // The name is judged last: everything else was in order.
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
                if !authority.names_host =>
            {
                Ok(ServerCertVerified::assertion())
            }
            Err(rustls::Error::InvalidCertificate(Other(why))) if authority.is_named_itself(certificate, &why) => {
                if authority.names_host {
                    verify_server_name(&ParsedCertificate::try_from(certificate)?, host)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
