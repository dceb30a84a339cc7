//! Why an account is not made (docs/semantics.md 5.2).

/// Why an account must not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Empty, or blanks.
    #[error("there is no nickname")]
    NicknameMissing,
    /// Foreign characters.
    #[error("the nickname may hold only the letters A to Z, digits, _ and -")]
    NicknameFormat,
    /// Foreign characters, where the server is strict.
    #[error("the nickname may hold only the letters A to Z and digits on this server")]
    NicknameStrictFormat,
    /// The account's addresses would not fit their columns.
    #[error("the nickname is too long: the account's addresses must fit 255 characters")]
    NicknameLength,
    /// In the list.
    #[error("the nickname is reserved for the server")]
    NicknameRestricted,
    /// In use, in any case of letters.
    #[error(
        "the nickname is taken (in any case of letters; that of a removed account stays taken)"
    )]
    NicknameTaken,
    /// In use by an account with another nickname.
    #[error("the account's address is taken by another account")]
    AddressTaken,
    /// Needed, but empty.
    #[error("there is no e-mail address, and new accounts must confirm theirs on this server")]
    EmailMissing,
    /// Not an address.
    #[error("the e-mail address is not valid")]
    EmailFormat,
    /// Of a domain that nobody may use.
    #[error("e-mail addresses of that domain are not allowed on this server")]
    EmailBlacklisted,
    /// In use, in any case of letters.
    #[error("the e-mail address is taken by another account")]
    EmailTaken,
    /// Empty, or blanks.
    #[error("there is no name")]
    NameMissing,
    /// Too long.
    #[error("the name is too long: this server allows {0} characters")]
    NameLength(usize),
    /// A line end or the like.
    #[error("the name holds a control character")]
    NameControl,
    /// Too long.
    #[error("the bio is too long: this server allows {0} characters")]
    BioLength(usize),
    /// What a person cannot see.
    #[error("the bio holds a control character other than a line end")]
    BioControl,
    /// Empty, or blanks.
    #[error("there is no password")]
    PasswordMissing,
}
