//! Key pair with which an account signs its deliveries to other servers (docs/semantics.md 5.3).

use rand::rngs::SysRng;
use rsa::{
    PrivateKey,
    pkcs1::EncodeRsaPrivateKey as _,
    pkcs8::{EncodePublicKey as _, LineEnding},
};

/// Length of the servers' own keys, in bits.
const BITS: usize = 2048;

/// Key pair, as text.
#[derive(Clone)]
pub struct KeyPair {
    /// PKCS#1 in PEM, without a newline at its end.
    pub private: String,
    /// `SubjectPublicKeyInfo` in PEM, with the empty line at its end that Erlang writes.
    pub public: String,
}

/// Reason why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The keys could not be generated.
    #[error("no key pair could be made ({0})")]
    Generate(#[from] rsa::Error),
    /// The private key could not be written as text.
    #[error("the private key could not be written ({0})")]
    Private(#[from] rsa::pkcs1::Error),
    /// The public key could not be written as text.
    #[error("the public key could not be written ({0})")]
    Public(#[from] rsa::pkcs8::spki::Error),
}

impl std::fmt::Debug for KeyPair {
    /// Hides the private key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Generates a pair from the operating system's random numbers. Takes about a second: do not call
/// it on a thread that drives async tasks.
pub fn generate_keys() -> Result<KeyPair, KeyError> {
    let private = PrivateKey::new(&mut SysRng, BITS)?;
    let public = private.to_public_key().to_public_key_pem(LineEnding::LF)?;
    let private = private.to_pkcs1_pem(LineEnding::LF)?;
    Ok(KeyPair {
        private: private.trim_end().to_owned(),
        public: format!("{}\n\n", public.trim_end()),
    })
}

#[cfg(test)]
mod tests {
    use rsa::{
        PublicKey, pkcs1::DecodeRsaPrivateKey as _, pkcs8::DecodePublicKey as _,
        traits::PublicKeyParts as _,
    };

    use super::*;

    #[test]
    fn a_pair_has_the_servers_form() -> Result<(), KeyError> {
        let pair = generate_keys()?;
        let private = PrivateKey::from_pkcs1_pem(&pair.private)?;
        let public = PublicKey::from_public_key_pem(pair.public.trim_end())?;
        assert_eq!(private.to_public_key(), public);
        private.validate()?;
        assert_eq!((public.n().bit_width(), &*public.e_bytes()), (2048, &[1, 0, 1][..]));
        assert!(pair.private.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert!(pair.private.ends_with("\n-----END RSA PRIVATE KEY-----"));
        assert!(pair.public.starts_with("-----BEGIN PUBLIC KEY-----\n"));
        assert!(pair.public.ends_with("\n-----END PUBLIC KEY-----\n\n"));
        assert!(pair.private.lines().chain(pair.public.lines()).all(|line| line.len() <= 64));
        assert!(!format!("{pair:?}").contains("PRIVATE"));
        Ok(())
    }

    #[test]
    fn no_two_pairs_are_alike() -> Result<(), KeyError> {
        assert_ne!(generate_keys()?.private, generate_keys()?.private);
        Ok(())
    }
}
