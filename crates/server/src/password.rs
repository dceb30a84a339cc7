//! Password hashes as the servers store them (docs/semantics.md 6).

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use pbkdf2::{pbkdf2_hmac, sha2::Sha512};

/// Parameters that Akkoma itself uses: memory in KiB, passes, lanes. It reads the parameters from
/// the hash, so others would work for a login, but would differ from the other hashes in the table.
const ARGON2_COST: (u32, u32, u32) = (65_536, 8, 2);

/// Number of rounds that the servers themselves use.
const PBKDF2_ROUNDS: u32 = 160_000;

/// Length of a salt, in bytes.
const SALT: usize = 16;

/// Password hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordScheme {
    /// argon2id.
    Argon2,
    /// PBKDF2 with HMAC-SHA-512.
    Pbkdf2,
}

impl fmt::Display for PasswordScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2 => "argon2",
            Self::Pbkdf2 => "pbkdf2",
        })
    }
}

/// Error of hashing a password.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed ({0})")]
pub struct HashError(String);

/// Hashes a password, as text for `users.password_hash`. Takes a large part of a second: do not
/// call it on a thread that drives async tasks.
pub fn hash_password(password: &str, scheme: PasswordScheme) -> Result<String, HashError> {
    let salt = rand::random::<[u8; SALT]>();
    match scheme {
        PasswordScheme::Argon2 => argon2id(password.as_bytes(), &salt),
        PasswordScheme::Pbkdf2 => Ok(pbkdf2_sha512(password.as_bytes(), &salt)),
    }
}

/// Generates a password: 16 random bytes in base64, as the server's task does.
pub fn random_password() -> String {
    STANDARD.encode(rand::random::<[u8; 16]>())
}

fn argon2id(password: &[u8], salt: &[u8]) -> Result<String, HashError> {
    let (memory, passes, lanes) = ARGON2_COST;
    let mut hash = [0; 32];
    let failed = |error: argon2::Error| HashError(error.to_string());
    let params = Params::new(memory, passes, lanes, Some(hash.len())).map_err(failed)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut hash)
        .map_err(failed)?;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

fn pbkdf2_sha512(password: &[u8], salt: &[u8]) -> String {
    let mut hash = [0; 64];
    pbkdf2_hmac::<Sha512>(password, salt, PBKDF2_ROUNDS, &mut hash);
    // The alphabet of passlib: base64 with `.` instead of `+`, no padding.
    let text = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes).replace('+', ".");
    format!("$pbkdf2-sha512${PBKDF2_ROUNDS}${}${}", text(salt), text(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The CLI tests check that other programs compute the same hash (tests/it/cli/passwords.rs).

    #[test]
    fn each_hash_has_a_salt_of_its_own_and_the_form_of_its_scheme() -> Result<(), HashError> {
        for (scheme, prefix, salt, hash) in [
            (PasswordScheme::Argon2, "$argon2id$v=19$m=65536,t=8,p=2$", 22, 43),
            (PasswordScheme::Pbkdf2, "$pbkdf2-sha512$160000$", 22, 86),
        ] {
            let texts = [hash_password("x", scheme)?, hash_password("x", scheme)?];
            assert_ne!(texts[0], texts[1]);
            for text in texts {
                let rest = text.strip_prefix(prefix).unwrap_or_default();
                let lengths = rest.split_once('$').map(|(a, b)| (a.len(), b.len()));
                assert_eq!(lengths, Some((salt, hash)), "{text}");
                assert!(!rest.contains(['=', '+']) || scheme == PasswordScheme::Argon2, "{text}");
                assert!(text.len() <= 255);
            }
        }
        Ok(())
    }

    #[test]
    fn a_made_up_password_is_16_bytes() {
        let password = random_password();
        assert_eq!(STANDARD.decode(&password).map(|bytes| bytes.len()), Ok(16), "{password}");
        assert_ne!(password, random_password());
    }
}
