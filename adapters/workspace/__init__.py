"""The pages on which an agency's own staff and panel members work, served by the agency's own adapter."""
