// Enhances the pages where script is on; everything works without it.
import { Button, ErrorSummary, PasswordInput, ServiceNavigation, SkipLink, createAll } from "/console/static/govuk-frontend.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
for (const component of [Button, ErrorSummary, PasswordInput, ServiceNavigation, SkipLink]) {
  createAll(component);
}
