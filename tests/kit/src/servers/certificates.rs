//! A test's own certificate authority, and a certificate signed by it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::guard::Account;

/// PEM files for servers on this machine and their clients. Deleted on drop.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Creates an authority, and a certificate signed by it for `localhost` and 127.0.0.1.
    pub fn make() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ostrakon-tls-").tempdir()?;
        let certificates = Self { folder };
        let key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "test authority");
        certificates.write("ca.pem", &authority.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate()?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let signed = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        certificates.write("own.pem", &signed.pem())?;
        certificates.write("own.key", &key.serialize_pem())?;
        Ok(certificates)
    }

    /// Returns the path of the authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the path of the signed certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("own.pem")
    }

    /// Returns the path of that certificate's key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("own.key")
    }

    /// Writes a file that servers accept: only their user can read it.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if let Some((uid, gid)) = Account::unprivileged()?.map(Account::ids) {
            chown(&path, Some(uid), Some(gid))?;
            chown(self.folder.path(), Some(uid), Some(gid))?;
        }
        Ok(())
    }
}
