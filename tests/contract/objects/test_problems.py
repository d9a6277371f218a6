from service.contract.objects.problems import explained


def test_certificate_that_is_not_accepted() -> None:
    # As obstore says it of a server whose authority this machine does not know.
    error = ValueError(
        "Generic S3 error: Error performing GET https://s3.example.org/bucket/k in 1ms - HTTP "
        "error: error sending request\n\nDebug source:\nInvalidCertificate(\n    UnknownIssuer,\n)"
    )
    said = str(explained("s3://bucket", "read", "s3://bucket/k", error))
    assert "the certificate of https://s3.example.org is not accepted (UnknownIssuer)" in said
    assert said.endswith("in SSL_CERT_FILE.")
