//! Certificates for servers and clients, of an authority of the test's own.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::Server;

/// Files in PEM.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes an authority, a certificate for a server at `name` (a host or an address), and one for a client.
    pub fn make(folder: &Path, name: &str) -> Self {
        let certificates = Self { folder: folder.to_owned() };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(certificates.authority(), authority.pem()).unwrap();
        for (file, name) in [("server", name), ("client", "client")] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, file);
            let certificate = params.signed_by(&key, &authority).unwrap();
            std::fs::write(certificates.certificate(file), certificate.pem()).unwrap();
            std::fs::write(certificates.key(file), key.serialize_pem()).unwrap();
        }
        certificates
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> String {
        self.file("ca.pem")
    }

    /// The certificate of `server` or `client`.
    pub fn certificate(&self, whose: &str) -> String {
        self.file(&format!("{whose}.pem"))
    }

    /// The key of `server` or `client`.
    pub fn key(&self, whose: &str) -> String {
        self.file(&format!("{whose}.key"))
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }
}

impl Server {
    /// A server that speaks only TLS, with a certificate for `name`; `auth_clients` is `yes` when it wants to see one of the
    /// client. The last argument is where the connection is plain, to look: see [`client`](Server::client).
    pub async fn start_with_tls(name: &str, auth_clients: &str) -> (Self, Certificates, u16) {
        loop {
            let tls = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Self::start_where(|_, folder| {
                let certificates = Certificates::make(folder, name);
                [
                    ("--save", String::new()),
                    ("--tls-port", tls.to_string()),
                    ("--tls-ca-cert-file", certificates.authority()),
                    ("--tls-cert-file", certificates.certificate("server")),
                    ("--tls-key-file", certificates.key("server")),
                    ("--tls-auth-clients", auth_clients.to_owned()),
                ]
                .into_iter()
                .flat_map(|(name, value)| [name.to_owned(), value])
                .collect()
            })
            .await;
            if server.says(&["Failed listening on port", "Ready to accept connections"]).await {
                let certificates = Certificates { folder: server.folder().to_owned() };
                return (server, certificates, tls);
            }
        }
    }
}
