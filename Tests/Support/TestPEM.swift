/// A self-signed certificate for `localhost` and one for `other.test`, valid from 2020 to 2120. The key guards nothing.
package enum TestPEM {
    /// For `localhost` and `127.0.0.1`.
    package static let localhost = """
        -----BEGIN CERTIFICATE-----
        MIIBcDCCARWgAwIBAgIJAI6IgYBDc0tqMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMM
        CWxvY2FsaG9zdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDES
        MBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+pMT
        1Ilt+HkQlF3FRYoTsNwbgAgnfTU84Vqha0OtkOOowbabo06F4K5PBZwcvu97OYnm
        Q6O/ox1H4bc6cE4DI6NOMEwwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARggls
        b2NhbGhvc3SHBH8AAAEwHQYDVR0OBBYEFG7ZGGIMUJPbFdBp4C+zufKpEEVWMAoG
        CCqGSM49BAMCA0kAMEYCIQDpcRFOb2eLdupTq0WHVWE1r3WwVkyjUtyFla9Qkhcv
        fwIhAKCTHD0emtfOyJyA3l0CyfCp8vJi3azK0sQ1m+SCKFON
        -----END CERTIFICATE-----
        """
    package static let localhostKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiBXgW8nYpLGvmmIu
        VRacpCXdjWCNfax6BVapfziPALuhRANCAAT6kxPUiW34eRCUXcVFihOw3BuACCd9
        NTzhWqFrQ62Q46jBtpujToXgrk8FnBy+73s5ieZDo7+jHUfhtzpwTgMj
        -----END PRIVATE KEY-----
        """
    /// For `other.test` only.
    package static let other = """
        -----BEGIN CERTIFICATE-----
        MIIBYjCCAQigAwIBAgIJAP8cvsSgGQZIMAoGCCqGSM49BAMCMBAxDjAMBgNVBAMM
        BW90aGVyMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAQMQ4wDAYD
        VQQDDAVvdGhlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN8LJ0jthhyLUWOj
        Ex5tUYcGakdiIk0T2I5COJYoGtsYdMedNPAz6RQbgRVeqVuVYCqFl9TBgvZLNkn9
        ukWYAnujSTBHMA8GA1UdEwEB/wQFMAMBAf8wFQYDVR0RBA4wDIIKb3RoZXIudGVz
        dDAdBgNVHQ4EFgQUPyaadw62Qgi8KXMpP/uRVaW9RSIwCgYIKoZIzj0EAwIDSAAw
        RQIhALNFnJ8AvNKNwLh+HRG5mYGFD8Tveye5MS18cp8sOIXKAiAg6DQOkAiuRGvm
        2sIx+dFKosp+gAhjD0Wisp1V8dgtqw==
        -----END CERTIFICATE-----
        """
    package static let otherKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgd3jpSLMmDg6N05zH
        lLGsjCxGLrHV6N6mFgalLlkU8DChRANCAATfCydI7YYci1FjoxMebVGHBmpHYiJN
        E9iOQjiWKBrbGHTHnTTwM+kUG4EVXqlblWAqhZfUwYL2SzZJ/bpFmAJ7
        -----END PRIVATE KEY-----
        """
}
