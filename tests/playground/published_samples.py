"""A small file of every layout that the replay knows, made up."""

from collections.abc import Mapping
from dataclasses import dataclass

from playground.generator.message import ACCIDENTS, BIKES, TAXIS, WEATHER


@dataclass(frozen=True)
class Sample:
    layout: str
    feed: str
    header: str
    rows: tuple[str, ...]
    """in time order; the first is of 2018-12-01 12:00 UTC or, of 2016 and 2023, of that day and time then"""
    first: str = "2018-12-01T12:00:00+00:00"

    @property
    def text(self) -> str:
        return "\n".join((self.header, *self.rows)) + "\n"


_STATIONS = '178,"MIT, Pacific St",42.3,-71.1,107,"Ames St",42.3,-71.0'
_TRIP_STATIONS = ",".join(
    f"{end} station {field}" for end in ("start", "end") for field in ("id", "name", "latitude", "longitude")
)
_CAB = "0.44,Lyft,{},North Station,Haymarket Square,5,1,{},lyft_line,Shared"
_GHCNH_VALUES = "the wind's \"|21.1|||FM15|12.8||5|FM15|4.1|||FM15|0.0|||FM15|"

SAMPLES: Mapping[str, Sample] = {
    "201501-hubway-tripdata.csv": Sample(
        "Bluebikes trips until March 2023",
        BIKES,
        ",".join(f'"{name}"' for name in (
            "tripduration", "starttime", "stoptime", *_TRIP_STATIONS.split(","), "bikeid", "usertype", "birth year",
            "gender",
        )),
        (
            f'"388","2018-12-01 07:00:00","2018-12-01 07:06:28",{_STATIONS},"643","Subscriber","\\N","1"',
            f'"71","2018-12-01 07:02:00","2018-12-01 07:03:11",{_STATIONS},"12","Customer","1992","0"',
        ),
    ),
    "201812-bluebikes-tripdata.csv": Sample(
        "Bluebikes trips until March 2023",
        BIKES,
        f"tripduration,starttime,stoptime,{_TRIP_STATIONS},bikeid,usertype,birth year,gender",
        (f"388,2018-12-01 07:00:00.1870,2018-12-01 07:06:28.1000,{_STATIONS},643,Subscriber,1992,1",),
        "2018-12-01T12:00:00.187000+00:00",
    ),
    "202005-bluebikes-tripdata.csv": Sample(
        "Bluebikes trips until March 2023",
        BIKES,
        f'"tripduration","starttime","stoptime",{_TRIP_STATIONS},"bikeid","usertype","postal code"',
        (f'317,"2018-12-01 07:00:00","2018-12-01 07:05:17",{_STATIONS},5316,"Subscriber","02139"',),
    ),
    "202304-bluebikes-tripdata.csv": Sample(
        "Bluebikes trips since April 2023",
        BIKES,
        '"ride_id","rideable_type","started_at","ended_at","start_station_name","start_station_id","end_station_name",'
        '"end_station_id","start_lat","start_lng","end_lat","end_lng","member_casual"',
        (
            '"A1","electric_bike","2023-04-13 13:49:59.150","2023-04-13 13:55:03.020","Park Pl","A32010","Main St",'
            '"C32011","42.36","-71.10","42.35","-71.09","member"',
        ),
        "2023-04-13T17:49:59.150000+00:00",
    ),
    "201610-citibike-tripdata.csv": Sample(
        "Citi Bike trips of 2016",
        BIKES,
        "Trip Duration,Start Time,Stop Time,Start Station ID,Start Station Name,Start Station Latitude,"
        "Start Station Longitude,End Station ID,End Station Name,End Station Latitude,End Station Longitude,"
        "Bike ID,User Type,Birth Year,Gender",
        (f"328,2016-10-01 08:00:00,2016-10-01 08:05:28,{_STATIONS},25254,Subscriber,1992,1",),
        "2016-10-01T12:00:00+00:00",
    ),
    "cab_rides.csv": Sample(
        "cab_rides.csv",
        TAXIS,
        "distance,cab_type,time_stamp,destination,source,price,surge_multiplier,id,product_id,name",
        tuple(_CAB.format(1543665600000 + ms, f"ride-{ms}") for ms in (0, 1500, 3000)),
    ),
    "rideshare_kaggle.csv": Sample(
        "rideshare quotes with weather",
        TAXIS,
        "id,timestamp,hour,day,month,datetime,timezone,source,destination,cab_type,product_id,name,price,distance,"
        "surge_multiplier,latitude,longitude,temperature,apparentTemperature,short_summary,precipIntensity",
        (
            "a,1543665600.0,12,1,12,2018-12-01 12:00:00,America/New_York,Haymarket Square,North Station,Lyft,"
            "lyft_line,Shared,5,0.44,1,42.2,-71.0,42.3,37.1, Mostly Cloudy ,0.1",
        ),
    ),
    "weather.csv": Sample(
        "weather.csv of the cab rides",
        WEATHER,
        "temp,location,clouds,pressure,rain,time_stamp,humidity,wind",
        ("50.0,Back Bay,1.0,1012.14,0.1,1543665600,0.77,10", "42.43,Fenway,0.9,1012.2,,1543665601,0.76,11.1"),
    ),
    "72509014739.csv": Sample(
        "NOAA global-hourly",
        WEATHER,
        '"STATION","DATE","SOURCE","LATITUDE","LONGITUDE","NAME","REPORT_TYPE","WND","TMP","AA1"',
        (
            '"72509014739","2018-12-01T12:00:00","7","42.36","-71.01","BOSTON, MA US","FM-15","160,1,N,0046,1",'
            '"+0100,1","01,0025,9,5"',
        ),
    ),
    "lcd.csv": Sample(
        "NOAA LCD",
        WEATHER,
        '"STATION","DATE","REPORT_TYPE","SOURCE","HourlyDryBulbTemperature","HourlyPrecipitation","HourlyWindSpeed"',
        ('"72509014739","2018-12-01T07:00:00","FM-15","7","50","0.10","10"',),
    ),
    "lcd-2017.csv": Sample(
        "NOAA LCD",
        WEATHER,
        "STATION,STATION_NAME,DATE,REPORTTPYE,HOURLYDRYBULBTEMPF,HOURLYDRYBULBTEMPC,HOURLYPrecip,HOURLYWindSpeed",
        ("WBAN:14739,BOSTON MA US,12/1/2018 7:00,FM-15,50,10.0,0.10,10",),
    ),
    "GHCNh_USW00014739_2018.psv": Sample(
        "NOAA GHCNh",
        WEATHER,
        "STATION|Station_name|DATE|LATITUDE|LONGITUDE|remarks|temperature|temperature_Measurement_Code|"
        "temperature_Quality_Code|temperature_Report_Type|dew_point_temperature|dew_point_temperature_Measurement_Code|"
        "dew_point_temperature_Quality_Code|dew_point_temperature_Report_Type|wind_speed|wind_speed_Measurement_Code|"
        "wind_speed_Quality_Code|wind_speed_Report_Type|precipitation|precipitation_Measurement_Code|"
        "precipitation_Quality_Code|precipitation_Report_Type|end",
        (f"USW00014739|BOSTON, LOGAN|2018-12-01T12:00:00|42.3606|-71.0097|{_GHCNH_VALUES}",),
    ),
    "GHCNh_USW00014739_2018-first-edition.psv": Sample(
        "NOAA GHCNh",
        WEATHER,
        "Station_ID|Station_name|Year|Month|Day|Hour|Minute|Latitude|Longitude|Elevation|temperature|wind_speed",
        ("USW00014739|BOSTON LOGAN INTL AP|2018|12|01|12|00|42.3606|-71.0097|3.7|21.1|4.1",),
    ),
    "GHCNh-by-year-first-edition.psv": Sample(
        "NOAA GHCNh",
        WEATHER,
        "Station_ID|Station_name|DATE|Latitude|Longitude|Elevation|sea_level_pressure|wind_direction",
        ("USW00014739|BOSTON LOGAN INTL AP|2018-12-01T12:00:00|42.3606|-71.0097|3.7|1012.1|200",),
    ),
    "GHCNh-by-station.psv": Sample(
        "NOAA GHCNh",
        WEATHER,
        "STATION|Station_name|Year|Month|Day|Hour|Minute|LATITUDE|LONGITUDE|ELEVATION|wind_direction",
        ("USW00014739|BOSTON LOGAN INTL AP|2018|12|01|12|00|42.3606|-71.0097|3.7|",),
    ),
    "lcd-pressure.csv": Sample(
        "NOAA LCD",
        WEATHER,
        "STATION,DATE,REPORT_TYPE,HourlyDewPointTemperature,HourlySeaLevelPressure",
        ("72509014739,2018-12-01T07:00:00,FM-15,50,29.92",),
    ),
    "lcd-2017-pressure.csv": Sample(
        "NOAA LCD",
        WEATHER,
        "STATION,STATION_NAME,DATE,REPORTTPYE,HOURLYDewPointTempC,HOURLYSeaLevelPressure",
        ("WBAN:14739,BOSTON MA US,12/1/2018 7:00,FM-15,10.0,29.92",),
    ),
    "crashes.csv": Sample(
        "Vision Zero crashes",
        ACCIDENTS,
        "dispatch_ts,mode_type,location_type,street,xstreet1,xstreet2,x_cord,y_cord,lat,long",
        ("2018-12-01 07:00:00+00,mv,Street,COMMERCIAL ST,SARGENTS WHARF,CLARK ST,777382.68,2958234.64,42.36,-71.05",),
    ),
}  # fmt: skip
"""file name -> its content"""
