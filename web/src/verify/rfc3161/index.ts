/**
 * RFC 3161 time-stamp tokens, judged as a function of nothing but what is given (docs/rfc3161.md). Written from the specifications: CMS
 * (RFC 5652), certificates and lists (RFC 5280), OCSP (RFC 6960), ESSCertID (RFC 2634, 5035, 5816).
 */

export { Certificate, maxCertificateSize } from "./certificate.ts";
export { maxCrlSize } from "./crl.ts";
export { type Covers, type GenTime, judgeToken, type TokenJudgement, type TokenQuestion } from "./judgement.ts";
export type { Name } from "./name.ts";
export { maxOcspSize } from "./ocsp.ts";
export { maxResponseSize, tokenInResponse } from "./response.ts";
export { type RevocationData, type RevocationStatus, revocationStatus, type Standing } from "./revocation.ts";
export { Timestamp } from "./time.ts";
export { type Imprint, maxTokenSize, parseToken, type Token, type TstInfo } from "./token.ts";
