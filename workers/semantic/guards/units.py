"""Units of measure and the ways they are written."""

UNITS = {
    form: forms.split()[0]
    for forms in (
        "percent % pct",
        "$ dollar dollars usd",
        "€ euro euros eur",
        "£ pound pounds gbp lb lbs",
        "km kilometer kilometers kilometre kilometres",
        "m meter meters metre metres",
        "cm centimeter centimeters centimetre centimetres",
        "mm millimeter millimeters millimetre millimetres",
        "mi mile miles",
        "ft foot feet",
        "inch inches",
        "kg kilo kilos kilogram kilograms",
        "g gram grams",
        "mg milligram milligrams",
        "oz ounce ounces",
        "l liter liters litre litres",
        "ml milliliter milliliters millilitre millilitres",
        "s sec secs second seconds",
        "min mins minute minutes",
        "h hr hrs hour hours",
        "d day days",
        "wk week weeks",
        "month months",
        "yr yrs year years",
        "kb kilobyte kilobytes",
        "mb megabyte megabytes",
        "gb gigabyte gigabytes",
        "tb terabyte terabytes",
        "am",
        "pm",
        "c celsius",
        "f fahrenheit",
        "kelvin",
    )
    for form in forms.split()
}
"""Each form, in lower case, with the unit it is a form of."""
