//! From the settings to what rustls needs.

use std::sync::Arc;

use fred::{
    rustls::{
        ClientConfig, RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier},
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    rustls_native_certs::load_native_certs,
};

use super::{
    TlsSettings,
    verifier::{AnyCertificate, AnyName},
};

/// Reads the files and puts the configuration together.
pub(super) fn build(settings: &TlsSettings) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier(settings, &provider)?);
    let Some(certfile) = &settings.certfile else {
        return match settings.keyfile {
            Some(_) => {
                let (key, certificate) = (settings.names.of("keyfile"), settings.names.of("certfile"));
                Err(format!("{key} is given without {certificate}"))
            }
            None => Ok(client.with_no_client_auth()),
        };
    };
    let chain = certificates(&settings.names.of("certfile"), certfile)?;
    let (name, keyfile) =
        settings.keyfile.as_ref().map_or(("certfile", certfile), |keyfile| ("keyfile", keyfile));
    let name = settings.names.of(name);
    let key = PrivateKeyDer::from_pem_file(keyfile)
        .map_err(|error| format!("{name}: no private key (unencrypted PEM) in {keyfile}: {error}"))?;
    client.with_client_auth_cert(chain, key).map_err(|error| {
        let (certificate, key) = (settings.names.of("certfile"), settings.names.of("keyfile"));
        format!("{certificate}, {key}: {error}")
    })
}

fn verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    if !settings.verify {
        return Ok(Arc::new(AnyCertificate(Arc::clone(provider))));
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(settings)?), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())?;
    Ok(if settings.check_hostname { inner } else { Arc::new(AnyName(inner)) })
}

fn roots(settings: &TlsSettings) -> Result<RootCertStore, String> {
    let mut trusted = Vec::new();
    if let Some(file) = &settings.ca_certs {
        trusted.extend(certificates(&settings.names.of("ca_certs"), file)?);
    }
    if let Some(data) = &settings.ca_data {
        let data = CertificateDer::pem_slice_iter(data.as_bytes()).collect::<Result<Vec<_>, _>>();
        trusted.extend(data.map_err(|error| format!("{}: {error}", settings.names.of("ca_data")))?);
    }
    if settings.ca_certs.is_none() && settings.ca_data.is_none() {
        // What cannot be read among the system's is of no use to anybody; the rest is.
        trusted = load_native_certs().certs;
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    if roots.is_empty() {
        return Err(format!(
            "there is nobody to trust: the system has no certificates; name a file in {}",
            settings.names.of("ca_certs")
        ));
    }
    Ok(roots)
}

fn certificates(name: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{name}: cannot read {file}: {error}");
    let found = CertificateDer::pem_file_iter(file)
        .map_err(|error| unreadable(&error))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(&error))?;
    if found.is_empty() { Err(format!("{name}: no certificate (PEM) in {file}")) } else { Ok(found) }
}
