// Asks the browser for a passkey and puts its answer into the page's own form. Without this script the page says what
// to do instead. It writes text and form values only, never markup, so it runs where Trusted Types are required.
"use strict";

(() => {
  const form = document.querySelector("form[data-passkey]");
  if (form === null) {
    return;
  }
  const say = document.querySelector("[data-passkey-says]");
  const button = form.querySelector("[data-passkey-button]");
  const isNew = form.dataset.passkey === "create";

  const fromBase64url = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  const toBase64url = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join(""))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const WORDS = {
    NotAllowedError: "Nothing was confirmed: it was cancelled, took too long, or this device holds no passkey of yours " +
      "for this site. Try again, or use your passphrase.",
    InvalidStateError: "This authenticator is registered already. Use another one.",
    NotSupportedError: "This authenticator cannot make a passkey that this site accepts. Use another one.",
    SecurityError: "The browser refused: this page is not where your passkeys belong. Check the address, and tell your " +
      "administrator if it is not the one you know.",
    AbortError: "The browser stopped waiting. Try again.",
  };
  const tell = (text) => {
    say.textContent = text;
  };

  const credentials = (list) => (list ?? []).map((one) => ({ ...one, id: fromBase64url(one.id) }));
  const salts = (values) => ({ first: fromBase64url(values.first) });
  const decode = (options) => {
    const prf = options.extensions?.prf;
    const asked = {};
    if (prf?.eval) {
      asked.eval = salts(prf.eval);
    }
    if (prf?.evalByCredential) {
      asked.evalByCredential = Object.fromEntries(
        Object.entries(prf.evalByCredential).map(([id, values]) => [id, salts(values)]));
    }
    const decoded = { ...options, challenge: fromBase64url(options.challenge), extensions: prf ? { prf: asked } : {} };
    if (isNew) {
      decoded.user = { ...options.user, id: fromBase64url(options.user.id) };
      decoded.excludeCredentials = credentials(options.excludeCredentials);
    } else {
      decoded.allowCredentials = credentials(options.allowCredentials);
    }
    return decoded;
  };

  // Some authenticators compute nothing while they make a passkey: they are asked once more, for that alone.
  const computedLater = async (options, credential) => {
    tell("Confirm once more, so that this passkey can open your key.");
    try {
      const found = await navigator.credentials.get({
        publicKey: {
          challenge: crypto.getRandomValues(new Uint8Array(32)),
          rpId: options.rp.id,
          allowCredentials: [{ type: "public-key", id: credential.rawId }],
          userVerification: "required",
          timeout: options.timeout,
          extensions: { prf: options.extensions.prf },
        },
      });
      return found.getClientExtensionResults().prf?.results?.first ?? null;
    } catch {
      return null;
    }
  };

  const describe = (credential, computed) => {
    const { response } = credential;
    const described = { clientDataJSON: toBase64url(response.clientDataJSON) };
    if (isNew) {
      described.attestationObject = toBase64url(response.attestationObject);
      described.transports = response.getTransports?.() ?? [];
    } else {
      described.authenticatorData = toBase64url(response.authenticatorData);
      described.signature = toBase64url(response.signature);
      described.userHandle = response.userHandle ? toBase64url(response.userHandle) : null;
    }
    return { id: toBase64url(credential.rawId), response: described, prf: computed ? toBase64url(computed) : null };
  };

  const ask = async () => {
    const options = decode(JSON.parse(form.dataset.options));
    const publicKey = { publicKey: options };
    const credential = await (isNew ? navigator.credentials.create(publicKey) : navigator.credentials.get(publicKey));
    const prf = credential.getClientExtensionResults().prf;
    let computed = prf?.results?.first ?? null;
    if (isNew && computed === null && prf?.enabled) {
      computed = await computedLater(options, credential);
    }
    form.elements.namedItem("answer").value = JSON.stringify(describe(credential, computed));
  };

  if (!window.PublicKeyCredential || !window.isSecureContext) {
    tell("This browser cannot use passkeys here. Use your passphrase.");
    return;
  }
  // What stood there was for browsers that do not run this.
  tell("Ready when you are: press the button.");
  form.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    tell("Waiting for your passkey: follow what your browser or security key asks.");
    try {
      await ask();
    } catch (error) {
      button.disabled = false;
      tell(WORDS[error?.name] ?? "That did not work. Try again, or use your passphrase.");
      button.focus();
      return;
    }
    tell("Checking the answer.");
    form.submit();
  });
})();
