//! Faults that prevent the creation of an account (docs/semantics.md 5.2).

/// Fault that prevents the creation of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nickname that is empty or blank.
    #[error("there is no nickname")]
    NicknameMissing,
    /// Nickname with characters that no server allows.
    #[error("the nickname may hold only the letters A to Z, digits, _ and -")]
    NicknameFormat,
    /// Nickname with characters that a strict server does not allow.
    #[error("the nickname may hold only the letters A to Z and digits on this server")]
    NicknameStrictFormat,
    /// Nickname that makes the account's addresses too long for their columns.
    #[error("the nickname is too long: the account's addresses must fit 255 characters")]
    NicknameLength,
    /// Nickname in the list of restricted ones.
    #[error("the nickname is reserved for the server")]
    NicknameRestricted,
    /// Nickname in use, in any case of letters.
    #[error(
        "the nickname is taken (in any case of letters; that of a removed account stays taken)"
    )]
    NicknameTaken,
    /// Address in use by an account with another nickname.
    #[error("the account's address is taken by another account")]
    AddressTaken,
    /// E-mail address that is required but empty.
    #[error("there is no e-mail address, and new accounts must confirm theirs on this server")]
    EmailMissing,
    /// E-mail address with invalid syntax.
    #[error("the e-mail address is not valid")]
    EmailFormat,
    /// E-mail address of a blacklisted domain.
    #[error("e-mail addresses of that domain are not allowed on this server")]
    EmailBlacklisted,
    /// E-mail address in use, in any case of letters.
    #[error("the e-mail address is taken by another account")]
    EmailTaken,
    /// Name that is empty or blank.
    #[error("there is no name")]
    NameMissing,
    /// Name that is too long; the limit is in characters.
    #[error("the name is too long: this server allows {0} characters")]
    NameLength(usize),
    /// Name with a control character, such as a newline.
    #[error("the name holds a control character")]
    NameControl,
    /// Bio that is too long; the limit is in characters.
    #[error("the bio is too long: this server allows {0} characters")]
    BioLength(usize),
    /// Bio with an invisible control character.
    #[error("the bio holds a control character other than a line end")]
    BioControl,
    /// Password that is empty or blank.
    #[error("there is no password")]
    PasswordMissing,
}
