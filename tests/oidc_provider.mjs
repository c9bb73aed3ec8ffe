// Starts oidc-provider, software nobody here wrote, for the tests of signing in. Settings come as JSON on standard
// input; "ready" on standard output says that it listens. A name that begins with "two-" signs in with two factors.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const settings = JSON.parse(readFileSync(0, "utf8"));
const provider = new Provider(settings.issuer, {
  clients: [
    {
      client_id: settings.client_id,
      redirect_uris: settings.redirect_uris,
      response_types: ["code"],
      grant_types: ["authorization_code"],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      id_token_signed_response_alg: settings.id_token_alg,
      require_auth_time: true,
      jwks: settings.client_jwks,
    },
  ],
  jwks: settings.jwks,
  clientAuthMethods: ["private_key_jwt"],
  pkce: { required: () => true },
  claims: { openid: ["sub", "amr"], acr: null, auth_time: null, iss: null, sid: null },
  enabledJWA: { idTokenSigningAlgValues: ["ES256", "RS256", "PS256", "Ed25519"] },
  features: {
    devInteractions: { enabled: true },
    pushedAuthorizationRequests: { enabled: settings.pushed, requirePushedAuthorizationRequests: settings.pushed },
  },
  cookies: { keys: [settings.cookie_key] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
// Its own sign-in page takes any name and password and says nothing of methods: they are added to what it noted.
provider.use(async (ctx, next) => {
  await next();
  const found = ctx.method === "POST" && ctx.path.match(/^\/interaction\/([^/]+)$/);
  const interaction = found && (await provider.Interaction.find(found[1]));
  if (interaction?.result?.login) {
    const two = interaction.result.login.accountId.startsWith("two-");
    interaction.result.login.amr = two ? ["pwd", "otp"] : ["pwd"];
    await interaction.save(interaction.exp - Math.floor(Date.now() / 1000));
  }
});
provider.listen(settings.port, "127.0.0.1", () => console.log("ready"));
