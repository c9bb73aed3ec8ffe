"""The Home Office referral form: its fields as data, and a draft of it from what a person has opened."""
