//! Secrets that the server issues: invites, password resets, confirmations (docs/semantics.md
//! 4.0.3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE};

/// Generates a secret as the server would: 32 random bytes in base64url with padding, 44
/// characters.
pub fn random_token() -> String {
    // This thread's generator is cryptographic, and seeded by the operating system.
    URL_SAFE.encode(rand::random::<[u8; 32]>())
}

/// Escapes a secret for use in a URL path: its padding must be percent-encoded.
pub(super) fn as_path_segment(token: &str) -> String {
    token.replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_token_is_32_bytes_in_base64url() {
        let token = random_token();
        assert_eq!(token.len(), 44, "{token}");
        assert_eq!(URL_SAFE.decode(&token).map(|bytes| bytes.len()), Ok(32), "{token}");
        assert!(as_path_segment(&token).ends_with("%3D"), "{token}");
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let tokens: BTreeSet<_> = (0..1000).map(|_| random_token()).collect();
        assert_eq!(tokens.len(), 1000);
    }
}
