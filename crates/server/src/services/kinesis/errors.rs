//! The table of Kinesis' errors.

use anabranch_protocol::error_table;

error_table! {
    /// What the service model of Kinesis has, with names and statuses of the service.
    pub(crate) enum KinesisError {
        AccessDenied = "AccessDeniedException", 400, Change;
        DryRunOperation = "DryRunOperationException", 400, Change;
        ExpiredIterator = "ExpiredIteratorException", 400, Change;
        ExpiredNextToken = "ExpiredNextTokenException", 400, Change;
        InternalFailure = "InternalFailure", 500, Unknown,
            "InternalFailureException" in event streams;
        InvalidArgument = "InvalidArgumentException", 400, Change;
        KmsAccessDenied = "KMSAccessDeniedException", 400, Change;
        KmsDisabled = "KMSDisabledException", 400, Change;
        KmsInvalidState = "KMSInvalidStateException", 400, Change;
        KmsNotFound = "KMSNotFoundException", 400, Change;
        KmsOptInRequired = "KMSOptInRequired", 400, Change;
        KmsThrottling = "KMSThrottlingException", 400, Wait;
        LimitExceeded = "LimitExceededException", 400, Wait;
        ProvisionedThroughputExceeded = "ProvisionedThroughputExceededException", 400, Wait;
        ResourceInUse = "ResourceInUseException", 400, Change;
        ResourceNotFound = "ResourceNotFoundException", 400, Change;
        Throttling = "ThrottlingException", 400, Wait;
        Validation = "ValidationException", 400, Change;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_own_name_and_a_status() {
        let names: std::collections::HashSet<_> =
            KinesisError::ALL.iter().map(|error| error.name()).collect();
        assert_eq!(names.len(), KinesisError::ALL.len());
        for error in KinesisError::ALL {
            let kind = error.kind();
            assert!([400, 500, 503].contains(&kind.http_status), "{kind:?}");
            assert!(kind.http_status < 500 || kind.is_retryable(), "{kind:?}");
        }
        assert!(!KinesisError::InternalFailure.kind().has_no_side_effects());
        assert!(KinesisError::ProvisionedThroughputExceeded.kind().has_no_side_effects());
    }
}
