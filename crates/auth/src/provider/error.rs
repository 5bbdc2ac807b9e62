//! Why a provider did not say who somebody is.

/// Why a provider did not say who somebody is. The texts are for the operator's log; what users see is the surface's to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It could not be reached, or its answer not be read.
    #[error("{0}")]
    Unreachable(#[from] basalt_outbound::Error),
    /// It refused the code, with an OAuth error (RFC 6749, section 5.2).
    #[error("the provider refused: {error}: {description}")]
    Refused {
        /// The error's code.
        error: String,
        /// What the provider says of it.
        description: String,
    },
    /// It answered something else than it should.
    #[error("the provider's answer can't be used: {0}")]
    Answer(String),
    /// Its ID token does not hold.
    #[error("the ID token does not hold: {0}")]
    Token(IdTokenError),
    /// It can't be asked as it is configured.
    #[error("{0}")]
    Configuration(String),
}

/// What is wrong with an ID token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is no token, is signed by nobody known, in a way that is not accepted, or is not valid now.
    #[error("{0}")]
    Bad(String),
    /// It is another issuer's.
    #[error("its issuer is {0:?}")]
    Issuer(String),
    /// It was made for somebody else.
    #[error("its audience is {0:?}")]
    Audience(Vec<String>),
    /// There is a nonce on one side only.
    #[error("there is a nonce on one side only")]
    NonceMissing,
    /// The nonces differ.
    #[error("its nonce is another one")]
    Nonce,
    /// It belongs to another access token.
    #[error("it belongs to another access token")]
    AccessToken,
}

impl From<IdTokenError> for ProviderError {
    fn from(error: IdTokenError) -> Self {
        ProviderError::Token(error)
    }
}
