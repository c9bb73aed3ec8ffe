"""Make ``demo/files/charity-htcds.xlsx``: the HTCDS 2.0 template's headings with one invented child and one other.

HTCDS 2.0 is by the International Organization for Migration (IOM), CC BY 4.0; IOM does not endorse this project.
Run: python -m demo.make_workbook
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl

TARGET = Path(__file__).with_name("files") / "charity-htcds.xlsx"
COLUMNS: tuple[tuple[str, str], ...] = (
    ("cas_CaseOwner", "Case Owner"),
    ("prs_Salutation", "Salutation"),
    ("prs_FirstName", "First Name"),
    ("prs_SecondName", "Second Name"),
    ("con_Consent", "Consent"),
    ("prs_Birthdate", "Birthdate"),
    ("prs_Gender", "Gender"),
    ("prs_Citizenship", "Citizenship"),
    ("vic_TraffickingStatus", "Trafficking Status"),
    ("vic_MethodOfRecruitment", "Method of Recruitment"),
    ("vic_LocationOfRecruitment", "Location of Recruitment"),
    ("vic_MethodsOfControl", "Methods of Control"),
    ("vic_TypeOfExploitation", "Type of Exploitation"),
    ("vic_LocationOfExploitation", "Location of Exploitation"),
    ("cas_Status", "Status"),
    ("cas_ReferringOrganisation", "Referring Organisation"),
    ("cas_IncomingReferralDate", "Incoming Referral Date"),
    ("cas_ReasonForIncomingReferral", "Reason for Incoming Referral"),
    ("cas_IncomingReferralDetails", "Incoming Referral Details"),
)
JUNIPER = {
    "cas_CaseOwner": "Worker Invented",
    "prs_FirstName": "Juniper",
    "prs_SecondName": "Madeup",
    "con_Consent": True,
    "prs_Birthdate": date(2012, 5, 17),
    "prs_Gender": "Feminine",
    "prs_Citizenship": "GB",
    "vic_TraffickingStatus": "PossibleVictimOfTrafficking",
    "vic_MethodOfRecruitment": "ThroughFriendsOrSocialEvents",
    "vic_LocationOfRecruitment": "Croydon",
    "vic_MethodsOfControl": "DebtBondage;PhysicalAbuse;FalsePromises",
    "vic_TypeOfExploitation": "Other",
    "vic_LocationOfExploitation": "Hastings",
    "cas_Status": "Active",
    "cas_ReferringOrganisation": "Exampleton School",
    "cas_IncomingReferralDate": date(2026, 3, 10),
    "cas_ReasonForIncomingReferral": "AdditionalServicesRequired",
    "cas_IncomingReferralDetails": (
        "Made to sell drugs in another town to pay off a debt she was told she has. Afraid for her little brother."
    ),
}
OTHER = {
    "prs_FirstName": "Sorrel",
    "prs_SecondName": "Notreal",
    "con_Consent": False,
    "prs_Birthdate": date(2011, 1, 9),
    "cas_Status": "Closed",
}


def main() -> None:
    """Write the workbook."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Sheet1"
    for column, (name, label) in enumerate(COLUMNS, start=2):
        sheet.cell(1, column, name)
        sheet.cell(2, column, label)
    sheet.row_dimensions[1].hidden = True
    for number, person in enumerate((JUNIPER, OTHER), start=1):
        row = number + 2
        sheet.cell(row, 1, number)
        for column, (name, _) in enumerate(COLUMNS, start=2):
            if name in person:
                cell = sheet.cell(row, column, person[name])
                if isinstance(person[name], date):
                    cell.number_format = "yyyy-mm-dd"
    book.properties.creator = "invented"
    book.save(TARGET)


if __name__ == "__main__":
    main()
